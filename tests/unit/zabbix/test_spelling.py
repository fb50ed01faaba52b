"""Names and words as Zabbix takes them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from alerting.zabbix.spelling import (
    LONGEST_NAME,
    LONGEST_URL,
    group_name,
    host_name,
    item_key_parameter,
    plain,
    visible_name,
    web_url,
)

WORDS = st.text(min_size=1, max_size=300)
MACRO = re.compile(r"\{[$?#A-Z]")


@given(WORDS, WORDS)
def test_every_host_name_is_one_that_zabbix_takes(first: str, second: str) -> None:
    name = host_name("tapwatch", first, second)
    assert re.fullmatch(r"[0-9A-Za-z_. -]{1,128}", name)
    assert name == name.strip()


@given(st.tuples(WORDS, WORDS), st.tuples(WORDS, WORDS))
def test_different_things_have_different_host_names(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (host_name("tapwatch", *one) == host_name("tapwatch", *other)) == (one == other)


def test_a_dot_does_not_move_from_one_part_to_the_next() -> None:
    assert host_name("tapwatch", "node", "a.b", "c") != host_name("tapwatch", "node", "a", "b.c")


def test_plain_names_stay_readable() -> None:
    assert host_name("tapwatch", "dispenser", "lib-3f-east") == "tapwatch.dispenser.lib-3f-east"
    assert visible_name("Dispenser lib-3f-east") == "Dispenser lib-3f-east"


@given(WORDS)
def test_a_visible_name_is_one_line_within_its_limit(text: str) -> None:
    name = visible_name(f"Dispenser {text}")
    assert len(name) <= LONGEST_NAME
    assert "\n" not in name
    assert "\0" not in name


@given(st.lists(WORDS, min_size=1, max_size=3))
def test_a_group_is_nested_just_as_deep_as_it_has_parts(parts: list[str]) -> None:
    name = group_name("Tapwatch", *parts)
    assert len(name) <= 255
    assert not name.startswith("/")
    assert not name.endswith("/")
    assert "//" not in name


@given(st.text(max_size=500))
def test_no_word_of_an_alert_is_a_macro(text: str) -> None:
    shown = plain(text + "{$SECRET}{HOST.HOST}{?1+1}{#LLD}", 1000)
    assert not MACRO.search(shown)
    assert "\0" not in shown


@given(WORDS)
def test_a_fingerprint_never_ends_the_key_that_it_stands_in(text: str) -> None:
    assert re.fullmatch(r"[0-9A-Za-z]{1,64}", item_key_parameter(text))


def test_alertmanagers_own_fingerprints_stay_as_they_are() -> None:
    assert item_key_parameter("1f2e3d4c5b6a7988") == "1f2e3d4c5b6a7988"


def test_only_web_addresses_that_fit_become_links() -> None:
    assert web_url("https://grafana.example/d/x?var-site=a") == "https://grafana.example/d/x?var-site=a"
    for wrong in ("javascript:alert(1)", "https://x/{$SECRET}", "ftp://x", "", f"https://x/{'y' * LONGEST_URL}"):
        assert web_url(wrong) == ""
