"""check, preview and templates of the operator's own."""

import json
from pathlib import Path

import pytest

from laboratory.notifications import alert, body
from laboratory.processes import run_to_end
from tests.integration.dingtalk.channel import running_channel, until, write_settings

URL = "https://oapi.dingtalk.com/robot/send"
PEOPLE = """
people: {wang: {name: Wang, mobile: "13800000000"}}
rotas:
  week: {order: [wang], start: 2030-01-01}
teams:
  facilities: {levels: [{rota: week}]}
"""


async def check(file: Path, *options: str) -> tuple[int, list[str]]:
    status, out, err = await run_to_end("check", "dingtalk", str(file), *options)
    return status, (out + err).replace(str(file.parent), "DIR").splitlines()


async def test_good_files_are_good(tmp_path: Path) -> None:
    assert await check(write_settings(tmp_path, URL)) == (0, ["DIR/dingtalk.yaml: good"])


async def test_gaps_in_the_rota_are_found(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    status, lines = await check(write_settings(tmp_path, URL, people="./people.yaml"), "--days=3")
    assert status == 2
    assert lines[0].startswith("error: DIR/people.yaml: rotas.week: nobody is on call from 20")
    assert lines[1:] == ["1 fault."]


async def test_webhooks_for_robots_that_are_not_there_are_found(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yaml").write_text(
        "receivers:\n"
        "  - name: a\n"
        "    webhook_configs:\n"
        "      - url: http://127.0.0.1:9804/dingtalk/ops\n"
        "      - url: http://127.0.0.1:9804/dingtalk/opps\n"
        "      - url: http://127.0.0.1:9804/watchdog/main\n"
        "      - url: http://127.0.0.1:9805/zabbix\n",
        encoding="utf-8",
    )
    status, lines = await check(write_settings(tmp_path, URL), f"--alertmanager={tmp_path}/alertmanager.yaml")
    assert status == 2
    place = "error: DIR/alertmanager.yaml:{}: receivers[0].webhook_configs[{}].url: "
    assert lines == [
        place.format(5, 1) + "no robot is named 'opps'; there are: ops",
        place.format(6, 2) + "no watchdog is named 'main'; there are: none",
        "2 faults.",
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("markdown.j2", "{% if %}", "DIR/own/markdown.j2:1: is no template: "),
        ("other.j2", "x", "DIR/own/other.j2: replaces no template; there are: "),
        (
            "markdown.j2",
            "{{ prefix }}{{ nothing }}",
            "own/markdown.j2: fails: UndefinedError: 'nothing' is",
        ),
        ("markdown.j2", "no word of it", "DIR/own/markdown.j2: drops `prefix`, in which a keyword may stand"),
        ("text.j2", "{{ prefix }}{{ ''.__class__.__mro__ }}", "DIR/own/text.j2: fails: SecurityError"),
        ("markdown.j2", "{{ prefix }}{{ 'x' * 30000 }}", "a message in en is too long: it writes 30"),
    ],
)
async def test_templates_that_would_fail_at_night_are_found_by_day(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_text(text, encoding="utf-8")
    status, lines = await check(write_settings(tmp_path, URL, templates="./own"))
    assert status == 2
    assert any(expected in line for line in lines), lines


async def test_an_own_template_is_used_and_a_failing_one_silences_nothing(tmp_path: Path) -> None:
    own = tmp_path / "own" / "markdown.j2"
    own.parent.mkdir()
    own.write_text("{% set title = 'Ours' %}{{ prefix }}Ours: {{ worst.summary }}", encoding="utf-8")
    async with running_channel(tmp_path, settings={"templates": "./own"}) as channel:
        await channel.post(body())
        own.write_text("{{ prefix }}{{ worst.nothing }}{{ 1 / 0 }}", encoding="utf-8")
        assert (await channel.reload())[0] == 200
        await channel.post(body(group="other"))
        await until(lambda: len(channel.accepted) == 2)
        own.write_text("no keyword", encoding="utf-8")
        assert (await channel.reload())[0] == 200
        await channel.post(body(group="third"))
        own.write_text("{% if %}", encoding="utf-8")
        status, text = await channel.reload()
        assert (status, "markdown.j2:1: is no template" in text) == (500, True)
    first, second, third = (one.message for one in channel.accepted)
    assert (first.title, first.text) == ("Ours", "Tapwatch Ours: A dispenser leaks")
    assert second.title == "Tapwatch 🔴 Critical: A dispenser leaks · lib-1f-east"
    assert third.text == "Tapwatch no keyword", "what a template drops is put back"


async def test_preview_shows_what_would_be_sent(tmp_path: Path) -> None:
    file = write_settings(tmp_path, URL, robots=["second"])
    status, out, _ = await run_to_end("dingtalk", "preview", f"--config.file={file}")
    assert status == 0
    assert "--- robot ops, message 1 of 1: markdown, " in out
    assert "--- robot second, message 1 of 1: markdown, " in out
    assert "Tapwatch 🔴 Critical: A dispenser leaks · lib-3f-east +1" in out
    (tmp_path / "payload.json").write_bytes(body(alert(annotations={"summary": "<b>Mine</b>"})))
    page = tmp_path / "page.html"
    options = (f"--config.file={file}", "--robot=ops", f"--page={page}", f"{tmp_path}/payload.json")
    assert await run_to_end("dingtalk", "preview", *options) == (0, f"{page}\n", "")
    text = page.read_text(encoding="utf-8")
    assert "Mine" in text
    assert "<b>" not in text
    assert "<script" not in text


async def test_preview_says_what_is_wrong_with_its_input(tmp_path: Path) -> None:
    file = write_settings(tmp_path, URL)
    (tmp_path / "payload.json").write_text(json.dumps({"version": "4"}), encoding="utf-8")
    status, _, err = await run_to_end("dingtalk", "preview", f"--config.file={file}", f"{tmp_path}/payload.json")
    assert (status, err.startswith("error: not Alertmanager's webhook payload: ")) == (1, True)
    status, _, err = await run_to_end("dingtalk", "preview", f"--config.file={file}", "--robot=opps")
    assert (status, err) == (1, "error: no robot is named 'opps'; there are: ops\n")
