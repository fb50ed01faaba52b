"""What the experiments count: by hand where the right answer is known."""

import asyncio
import subprocess
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.servers import locate
from laboratory.experiments.load import Replicas
from laboratory.experiments.outside import Outage, Probe, Sample, outage, watching
from laboratory.experiments.scrapes import missed_scrapes
from laboratory.experiments.stream import ALERT, Tally, Told, rules, tally
from laboratory.experiments.usage import cores

STREAM_LABELS = {"severity": "critical", "team": "platform"}


def told(at: float, text: str, *, resolved: bool = False) -> Told:
    return Told(at, "Tapwatch ✅ Resolved" if resolved else "Tapwatch 🔴 Critical", text)


def test_an_alert_that_no_message_tells_of_is_lost() -> None:
    found = tally([7, 8], [told(73, "**Streamed 7** since 10:00")])
    assert found == Tally(fired=2, lost=(8,), doubled=(), delays=(3,))


def test_a_message_may_tell_of_several_and_its_end_is_no_second_one() -> None:
    found = tally(
        [7, 8, 9], [told(95, "- Streamed 7\n- Streamed 8\n- Streamed 9"), told(150, "Streamed 8", resolved=True)]
    )
    assert (found.lost, found.doubled) == ((), ())


@pytest.mark.parametrize("resolved", [False, True])
def test_two_messages_with_the_same_news_are_doubled(*, resolved: bool) -> None:
    messages = [told(71, "Streamed 7"), told(72, "Streamed 8", resolved=resolved)]
    again = told(80, "Streamed 8", resolved=resolved)
    assert tally([7, 8], [*messages, again]).doubled == (8,)


def test_a_number_is_not_found_in_a_longer_one() -> None:
    assert tally([17], [told(1, "Streamed 176")]).lost == (17,)


def test_of_several_in_ten_seconds_each_began_with_them() -> None:
    assert tally([14, 15], [told(73, "Streamed 14\nStreamed 15")], per_slot=2).delays == (3, 3)


def test_cores_are_what_was_used_meanwhile_the_busiest_first() -> None:
    assert cores({"router": 2.0, "gone": 5.0}, {"router": 3.0, "new": 4.0}, 2.0) == {"new": 2.0, "router": 0.5}


def test_replicas_are_followed_up_and_down() -> None:
    seen = Replicas({"router": 2})
    for count in (2, 3, 4, 2):
        seen.note({"router": count}, at=10.0 * count)
    assert (seen.most, seen.first_more, seen.last_more) == ({"router": 4}, {"router": 30.0}, {"router": 40.0})
    assert seen.are_back


def test_an_outage_ends_with_the_last_request_that_failed() -> None:
    samples = [Sample(9, 0.1), Sample(9.5, 2, "no answer in time"), Sample(12, 0.25), Sample(13, 0.5, "status 503")]
    failures = ((1.5, "no answer in time"), (3.5, "status 503"))
    assert outage([*samples, Sample(14, 0.125)], since=10) == Outage(4, 2, 3.5, 0.25, failures)
    assert outage(samples, since=10, until=13).failed == 1
    assert outage(samples[:1], since=0).right_after == 0


def test_a_gap_of_both_is_missed_and_a_gap_of_one_is_not() -> None:
    whole = [(float(at), 1.0) for at in range(0, 60, 5)]
    without = [one for one in whole if not 20 <= one[0] <= 30]
    down = [(at, 0.0 if 20 <= at <= 30 else 1.0) for at, _ in whole]
    assert missed_scrapes([{"a": whole}, {"a": without}], 0, 57, 5) == {"a": 0}
    assert missed_scrapes([{"a": without}, {"a": without}], 0, 57, 5) == {"a": 3}
    assert missed_scrapes([{"a": down}], 0, 57, 5) == {"a": 3}
    assert missed_scrapes([{"a": whole[:6]}], 0, 57, 5) == {"a": 5}


@pytest.mark.parametrize(("per_slot", "numbers"), [(1, "012"), (2, "012345")])
def test_the_stream_fires_other_alerts_every_ten_seconds(tmp_path: Path, per_slot: int, numbers: str) -> None:
    (tmp_path / "stream.yaml").write_text(yaml.safe_dump(rules(per_slot)), encoding="utf-8")
    wanted = [
        {
            "exp_labels": {"number": number, "endpoint": f"stream-{number}", **STREAM_LABELS},
            "exp_annotations": {"summary": f"Streamed {number}"},
        }
        for number in numbers
    ]
    tests = [{"alert_rule_test": [{"eval_time": "25s", "alertname": ALERT, "exp_alerts": wanted}]}]
    file = tmp_path / "test.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": ["stream.yaml"], "evaluation_interval": "5s", "tests": tests}), encoding="utf-8"
    )
    answer = subprocess.run([locate("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


async def test_the_probe_asks_on_its_beat_while_answers_are_slow_and_says_why_it_failed() -> None:
    answers = iter(["right", "slow", "wrong", "broken"])

    async def answer(_: web.Request) -> web.Response:
        kind = next(answers, "right")
        if kind == "slow":
            await asyncio.sleep(0.6)
        return web.Response(text=kind, status=503 if kind == "broken" else 200)

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        probe = Probe("web", lambda: str(server.make_url("/")), 0.1, text="right")
        async with watching([probe]):
            await _answered(probe, 6)
    samples = sorted(probe.samples, key=lambda one: one.began)
    assert [one.failure for one in samples[:5]] == ["", "another answer", "another answer", "status 503", ""]
    assert samples[1].ended > samples[2].ended


async def test_the_probe_says_that_nothing_listens() -> None:
    probe = Probe("web", lambda: "http://127.0.0.1:1/", 0.05)
    async with watching([probe]):
        await _answered(probe, 1)
    assert probe.samples[0].failure == "ClientConnectorError"


async def _answered(probe: Probe, times: int) -> None:
    while len(probe.samples) < times:  # noqa: ASYNC110 - the probe has no event for it
        await asyncio.sleep(0.01)
