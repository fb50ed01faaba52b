"""`tapwatch report` on a real Prometheus, into a CSV that is read again, and a PDF that is read back."""

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from dashboards.report.command import command
from dashboards.report.record import COLUMNS
from laboratory.history.build import blocks
from laboratory.history.campus import STORIES
from laboratory.history.prometheus import Prometheus, prometheus

pytestmark = pytest.mark.timeout(1800)  # the first run makes the history, some minutes on a small machine

UNTIL = "2026-01-15T10:00:00"
"""In Taipei, the end of the history."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), blocks()) as running:
        yield running


def report(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["--until", UNTIL, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.output


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))


@pytest.fixture(scope="module")
def record(server: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of the history."""
    file = tmp_path_factory.mktemp("record") / "record.csv"
    status, output = report("--record", file, "--prometheus", server.url)
    assert status == 0, output
    return file


def line(record: Path, dispenser: str, month: str = "2026-01") -> dict[str, str]:
    (found,) = (row for row in rows(record) if (row["dispenser"], row["month"]) == (dispenser, month))
    return found


def test_every_dispenser_has_a_line_for_the_month(record: Path) -> None:
    found = {row["dispenser"] for row in rows(record) if row["month"] == "2026-01"}
    assert found == {story.name for story in STORIES}
    assert tuple(rows(record)[0]) == COLUMNS


def test_visits_stand_on_their_days_those_before_the_history_too(record: Path) -> None:
    assert line(record, "lib-2f-east")["maintained"] == "2026-01-06"
    assert line(record, "lib-2f-east")["membrane_renewed"] == "2026-01-06"
    assert line(record, "ward-a")["maintained"] == "2026-01-12"
    assert line(record, "eng-3f-west")["maintained"] == ""
    assert line(record, "eng-3f-west", "2025-12")["maintained"] == "2025-12-07"


def test_the_coolest_moment_and_the_gaps_are_told(record: Path) -> None:
    assert float(line(record, "lib-3f-east")["coolest_hot_celsius"]) < 60
    assert float(line(record, "lib-2f-east")["coolest_hot_celsius"]) > 60
    assert float(line(record, "lib-2f-east")["readings_ratio"]) > 0.9
    assert float(line(record, "ward-b")["readings_ratio"]) < float(line(record, "ward-a")["readings_ratio"])
    assert float(line(record, "lib-2f-east")["liters"]) > 500


def test_a_second_run_changes_nothing(server: Prometheus, record: Path) -> None:
    before = record.read_bytes()
    assert report("--record", record, "--prometheus", server.url)[0] == 0
    assert record.read_bytes() == before


def test_what_prometheus_never_knew_stays(server: Prometheus, record: Path, tmp_path: Path) -> None:
    older = tmp_path / "record.csv"
    text = record.read_text(encoding="utf-8-sig")
    old = "hospital,ward,1,ward-a,2024-06,2024-06-03,,93.0,1200,0.990"
    older.write_text(f"{text}{old}\n", encoding="utf-8")
    report("--record", older, "--prometheus", server.url)
    assert old in older.read_text(encoding="utf-8-sig").splitlines()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Maintenance record", "Maintained on", "2026-01-06", "lib-2f-east", "Page 1"]),
        ("zh-TW", ["飲水機維護管理紀錄", "維護日期", "2026-01-06", "lib-2f-east", "免驗"]),
    ],
)
def test_the_pdf_says_what_the_record_says(record: Path, tmp_path: Path, language: str, words: list[str]) -> None:
    file = tmp_path / "record.pdf"
    status, output = report("--record", record, "--pdf", file, "--language", language)
    assert (status, output) == (0, f"{file}\n")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(file).pages)
    for word in words:
        assert word in text
    for row in rows(record):
        assert row["dispenser"] in text
        assert all(day in text for day in row["maintained"].split())


def test_the_pdf_of_one_site_has_no_other(record: Path, tmp_path: Path) -> None:
    file = tmp_path / "record.pdf"
    report("--record", record, "--pdf", file, "--site", "hospital", "--language", "en")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(file).pages)
    assert "ward-a" in text
    assert "lib-2f-east" not in text


def test_an_unknown_site_is_answered_with_those_there_are(record: Path, tmp_path: Path) -> None:
    status, output = report("--record", record, "--pdf", tmp_path / "record.pdf", "--site", "hospitel")
    assert status == 1
    assert output == "error: no such site on record: hospitel; there are: harbour, hospital, main-campus\n"
    assert not (tmp_path / "record.pdf").exists()


def test_an_empty_record_is_not_printed(tmp_path: Path) -> None:
    status, output = report("--record", tmp_path / "record.csv", "--pdf", tmp_path / "record.pdf")
    assert (status, output) == (1, "error: there is nothing on record to print; give --prometheus to add to it\n")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--prometheus", "prometheus:9090", "must be a URL such as http://127.0.0.1:9090"),
        ("--time-zone", "Taipei", "must be a time zone such as Asia/Taipei"),
    ],
)
def test_a_wrong_option_is_answered_with_a_right_one(tmp_path: Path, option: str, value: str, said: str) -> None:
    status, output = report("--record", tmp_path / "record.csv", option, value)
    assert status == 2
    assert said in output


def test_a_faulty_record_is_not_overwritten(server: Prometheus, tmp_path: Path) -> None:
    file = tmp_path / "record.csv"
    file.write_text("something else", encoding="utf-8")
    status, output = report("--record", file, "--prometheus", server.url)
    assert status == 2
    assert f"{file}:1: is no record" in output
    assert file.read_text(encoding="utf-8") == "something else"


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (422, '{"status":"error","error":"query processing would load too many samples"}', "too many samples"),
        (200, "<html>", "does not answer as Prometheus does"),
        (200, '{"data":{}}', "does not answer as Prometheus does"),
    ],
)
async def test_a_prometheus_that_refuses_leaves_the_record_alone(
    tmp_path: Path, status: int, text: str, said: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sesame"
        return web.Response(status=status, text=text)

    application = web.Application()
    application.router.add_post("/api/v1/query_range", answer)
    token, file = tmp_path / "token", tmp_path / "record.csv"
    token.write_text("sesame\n", encoding="utf-8")
    async with TestServer(application) as server:
        url = str(server.make_url("/"))
        outcome = await asyncio.to_thread(report, "--record", file, "--prometheus", url, "--token-file", token)
    assert outcome[0] == 1
    assert said in outcome[1]
    assert "sesame" not in outcome[1]
    assert not file.exists()


async def test_nobody_there_is_said_so(tmp_path: Path) -> None:
    async with TestServer(web.Application()) as server:
        url = str(server.make_url("/"))
    status, output = await asyncio.to_thread(report, "--record", tmp_path / "record.csv", "--prometheus", url)
    assert (status, output) == (1, f"error: {url} cannot be asked: ClientConnectorError\n")
