"""Whatever stands in a label or annotation is shown, and nothing more."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from alerting.dingtalk.markup import harmless, shorten, web_address, without_mobiles

EAGER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
"""A renderer that takes all that one might take."""


def shown(markdown: str) -> str:
    """The words of a paragraph that consists of nothing but words; else an assertion fails."""
    rendered = EAGER.render(markdown)
    match = re.fullmatch(r"<p>([^<]*)</p>\n", rendered)
    assert match, rendered
    return html.unescape(match[1])


@pytest.mark.parametrize(
    "ordinary",
    [
        "lib-1f-east",
        "https://127.0.0.1:6443",
        "https://[::1]:6443/livez",
        "10.0.5.7:502/17",
        "dispenser_water_temperature_celsius is 93.5 °C, over 92 > 60",
        "-5 °C",
        "水溫過高 (90 %)",
        "R&D, issue #3",
    ],
)
def test_ordinary_names_stay_as_they_are_to_be_copied(ordinary: str) -> None:
    assert harmless(ordinary, 200) == ordinary
    assert shown(harmless(ordinary, 200)) == ordinary


@pytest.mark.parametrize(
    ("evil", "harmless_text"),
    [
        ("[click](http://evil.example)", "［click］(http://evil.example)"),
        ("![](http://evil.example/x.png)", "![］(http://evil.example/x.png)"),
        ("a [x][y]", "a [x］[y]"),
        ("[x]: http://evil.example", "［x]: http://evil.example"),
        ("<img src=x onerror=alert(1)>", "＜img src=x onerror=alert(1)>"),
        ("&lt;b&gt; &#60;", "＆lt;b＆gt; ＆#60;"),
        ("# big", "＃ big"),
        ("- item", "－ item"),
        ("---", "－--"),
        ("===", "＝=="),
        ("1. one", "1． one"),
        ("123456789) one", "123456789） one"),
        ("> quote", "＞ quote"),
        ("_so_ and __so__", "＿so＿ and ＿＿so＿＿"),
        ("**so** `code` ~~gone~~ a\\", "＊＊so＊＊ ｀code｀ ～～gone～～ a＼"),
        ("@13800000000 @all", "＠13800000000 ＠all"),
        ("two\n\n# lines\tand  spaces", "two # lines and spaces"),
        ("\u202eright to left\u202c\u0007\u200b", "right to left"),
        ("\ud800", ""),
    ],
)
def test_what_would_be_read_as_markup_is_shown_with_look_alikes(evil: str, harmless_text: str) -> None:
    assert harmless(evil, 200) == harmless_text
    if harmless_text:
        assert shown(harmless(evil, 200)) == harmless_text


@given(st.text(alphabet=st.one_of(st.sampled_from("*_`~[]()<>#+-=!&;:|\\@.1a \n\t\"'"), st.characters())))
def test_no_text_at_all_is_read_as_markup(text: str) -> None:
    safe = harmless(text, 500)
    assert not re.search(r"[@<*`~\\\n]", safe)
    if safe:
        assert shown(safe) == safe


@given(st.text(), st.integers(1, 50))
def test_a_text_is_shortened_by_whole_characters(text: str, longest: int) -> None:
    short = shorten(text, longest)
    assert len(short) <= longest
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "file:///etc/passwd", "dingtalk://x", "no url", "http://", "http://[x", "//host"]
)
def test_only_web_addresses_become_links(url: str) -> None:
    assert web_address(url, 100) == ""


def test_a_long_address_is_left_out_since_a_part_of_it_leads_nowhere() -> None:
    assert web_address("https://example.org/" + "a" * 80, 100) != ""
    assert web_address("https://example.org/" + "a" * 81, 100) == ""


@given(st.text())
def test_an_address_cannot_end_early(path: str) -> None:
    address = web_address(f"https://example.org/{path}", 10_000)
    assert not address or re.fullmatch(r"https://example\.org/[^\s()<>\"'`\\]*", address)


def test_the_addresses_of_dashboards_survive() -> None:
    url = "http://[::1]:3000/d/fleet?var-site=main%20campus&var-dispenser=lib#a"
    assert web_address(url, 100) == url


@pytest.mark.parametrize("text", ["call 13800000000", "+8613800000000.", "filter=%2213800000000%22", "@13800000000 "])
def test_a_mobile_number_is_masked_wherever_it_stands(text: str) -> None:
    assert "138" not in without_mobiles(text)
    assert without_mobiles("1790000000 9138000000001 13800000000123") == "1790000000 9138000000001 13800000000123"
