"""`tapwatch dashboards push` against a strict stand-in for Grafana."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from dashboards.command import TOKEN_VARIABLE, command
from dashboards.provisioning import DASHBOARDS
from tests.integration.dashboards.grafana import GrafanaStandIn, Kept

TOKEN = "editor-token"
PAGES = len(DASHBOARDS) * 2


@pytest.fixture
def grafana() -> GrafanaStandIn:
    return GrafanaStandIn()


@pytest.fixture
async def url(grafana: GrafanaStandIn) -> AsyncIterator[str]:
    async with TestServer(grafana.application()) as server:
        yield str(server.make_url("/"))


async def push(url: str, *options: str, token: str = TOKEN) -> tuple[int, str]:
    """Its status and all that it printed, in which the token never stands."""
    environment = {TOKEN_VARIABLE: token}
    arguments = ["push", "--url", url, *options]
    result = await asyncio.to_thread(CliRunner().invoke, command, arguments, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert not token or token not in result.output
    return result.exit_code, result.output


async def test_all_dashboards_come_into_a_folder_of_each_language(grafana: GrafanaStandIn, url: str) -> None:
    status, output = await push(url)
    assert status == 0, output
    assert grafana.folders == {"tapwatch": "Tapwatch", "tapwatch-zh-tw": "飲水機與叢集監控"}
    assert len(grafana.dashboards) == PAGES
    assert grafana.dashboards["tapwatch-fleet"].folder == "tapwatch"
    assert grafana.dashboards["tapwatch-fleet-zh-tw"].folder == "tapwatch-zh-tw"
    assert output.endswith(f"0 of {PAGES} dashboards were up to date.\n")


async def test_the_second_push_changes_nothing(grafana: GrafanaStandIn, url: str) -> None:
    await push(url)
    grafana.writes.clear()
    assert await push(url) == (0, f"{PAGES} of {PAGES} dashboards were up to date.\n")
    assert grafana.writes == []


async def test_what_somebody_changed_or_moved_is_put_right_and_nothing_else(grafana: GrafanaStandIn, url: str) -> None:
    await push(url)
    grafana.writes.clear()
    grafana.dashboards["tapwatch-fleet"].json["title"] = "Mine"
    grafana.folders["other"] = "Other"
    grafana.dashboards["tapwatch-water"].folder = "other"
    status, output = await push(url)
    assert status == 0
    assert "tapwatch-fleet: changed\ntapwatch-water: changed\n" in output
    assert grafana.writes == ["POST /api/dashboards/db"] * 2
    assert grafana.dashboards["tapwatch-fleet"].json["title"] == "Tapwatch fleet"
    assert grafana.dashboards["tapwatch-water"].folder == "tapwatch"


async def test_a_dry_run_says_what_would_be_done(grafana: GrafanaStandIn, url: str) -> None:
    status, output = await push(url, "--dry-run", "--language=zh-TW")
    assert status == 0
    assert "folder tapwatch-zh-tw: to be made\ntapwatch-fleet-zh-tw: would be new\n" in output
    assert grafana.writes == []


async def test_one_language_alone_can_be_had(grafana: GrafanaStandIn, url: str) -> None:
    await push(url, "--language", "en")
    assert set(grafana.folders) == {"tapwatch"}
    assert len(grafana.dashboards) == len(DASHBOARDS)


async def test_a_grafana_behind_a_path_is_found(grafana: GrafanaStandIn) -> None:
    outside = web.Application()
    outside.add_subapp("/monitoring/grafana", grafana.application())
    async with TestServer(outside) as server:
        status, output = await push(str(server.make_url("/monitoring/grafana")))
    assert status == 0, output


async def test_a_wrong_token_is_named_as_such(grafana: GrafanaStandIn, url: str) -> None:
    status, output = await push(url, token="stolen-token")
    assert (status, output) == (1, f"error: {url} does not accept the token; asked for its version\n")
    assert grafana.writes == []


async def test_a_token_without_rights_pushes_nothing_and_says_which_it_needs(grafana: GrafanaStandIn, url: str) -> None:
    status, output = await push(url, token="viewer-token")
    assert status == 1
    assert "nothing was pushed: the token has no right" in output
    assert "the role Editor" in output
    assert grafana.writes == []


async def test_every_obstacle_is_named_before_anything_is_written(grafana: GrafanaStandIn, url: str) -> None:
    await push(url)
    grafana.writes.clear()
    grafana.protected_folders.add("tapwatch-zh-tw")
    for uid in ("tapwatch-fleet", "tapwatch-water"):
        grafana.dashboards[uid].json["title"] = "Old"
        grafana.dashboards[uid].provisioned = True
    status, output = await push(url)
    assert status == 1
    assert "the token may not save in folder tapwatch-zh-tw" in output
    assert "dashboard tapwatch-fleet is provisioned from a file" in output
    assert "dashboard tapwatch-water is provisioned from a file" in output
    assert grafana.writes == []


@pytest.mark.parametrize("number", [1, 5, len(DASHBOARDS)])
@pytest.mark.parametrize("status", [403, 412, 500])
async def test_a_failure_on_the_way_leaves_everything_as_it_was(
    grafana: GrafanaStandIn, url: str, number: int, status: int
) -> None:
    grafana.before_save = lambda count: web.json_response({"message": "no"}, status=status) if count == number else None
    exit_status, output = await push(url, "--language=en")
    assert exit_status == 1
    assert output.startswith("error: nothing was pushed: ")
    assert grafana.folders == {}
    assert grafana.dashboards == {}


async def test_what_stood_there_before_stands_there_again(grafana: GrafanaStandIn, url: str) -> None:
    await push(url)
    grafana.folders["mine"] = "Mine"
    for uid in ("tapwatch-fleet", "tapwatch-water"):
        grafana.dashboards[uid].json["title"] = f"Mine {uid}"
    grafana.dashboards["tapwatch-fleet"].folder = "mine"
    refused = PAGES + 2
    grafana.before_save = lambda count: web.json_response({}, status=500) if count == refused else None
    status, _ = await push(url)
    assert status == 1
    assert grafana.dashboards["tapwatch-fleet"].json["title"] == "Mine tapwatch-fleet"
    assert grafana.dashboards["tapwatch-fleet"].folder == "mine"
    assert grafana.dashboards["tapwatch-water"].json["title"] == "Mine tapwatch-water"


async def test_what_cannot_be_put_back_is_named(grafana: GrafanaStandIn, url: str) -> None:
    await push(url)
    grafana.dashboards["tapwatch-fleet"].json["title"] = "Mine"
    grafana.dashboards["tapwatch-water"].json["title"] = "Mine too"
    grafana.before_save = lambda count: web.json_response({}, status=500) if count > PAGES + 1 else None
    status, output = await push(url)
    assert status == 1
    assert "error: these stay as they were pushed: dashboard tapwatch-fleet: " in output


async def test_a_dashboard_of_another_that_has_the_title_already_is_not_touched(
    grafana: GrafanaStandIn, url: str
) -> None:
    grafana.folders["tapwatch"] = "Tapwatch"
    grafana.dashboards["other"] = Kept(
        {"uid": "other", "title": "Tapwatch pipeline", "id": 9, "version": 1}, "tapwatch"
    )
    status, output = await push(url)
    assert status == 1
    assert "A dashboard with the same name already exists; asked to save dashboard tapwatch-pipeline" in output
    assert set(grafana.dashboards) == {"other"}


async def test_a_change_made_meanwhile_is_not_overwritten(grafana: GrafanaStandIn, url: str) -> None:
    await push(url)
    grafana.dashboards["tapwatch-fleet"].json["title"] = "Mine"

    def edit(_number: int) -> None:
        kept = grafana.dashboards["tapwatch-fleet"].json
        kept["version"], kept["title"] = 7, "Newer"

    grafana.before_save = edit
    status, output = await push(url)
    assert status == 1
    assert "changed by someone else" in output


@pytest.mark.parametrize(
    ("version", "said"),
    [("9.3.16", "the dashboards need 9.4 or later"), ("", "does not say which version"), ("10.0.0-pre", "")],
)
async def test_an_old_grafana_is_refused(grafana: GrafanaStandIn, url: str, version: str, said: str) -> None:
    grafana.version = version
    status, output = await push(url)
    assert status == (1 if said else 0)
    assert said in output


async def test_something_else_that_answers_is_not_taken_for_grafana() -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<html>welcome</html>", content_type="text/html")

    application = web.Application()
    application.router.add_get("/{path:.*}", page)
    async with TestServer(application) as server:
        status, output = await push(str(server.make_url("/")))
    assert status == 1
    assert "does not answer as Grafana does" in output


async def test_nobody_there_is_said_so() -> None:
    async with TestServer(web.Application()) as server:
        url = str(server.make_url("/"))
    assert await push(url) == (1, f"error: {url} cannot be reached\n")


async def test_a_certificate_is_checked_against_the_authority_given(grafana: GrafanaStandIn, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = TestServer(grafana.application(), scheme="https")
    await server.start_server(ssl=context)
    try:
        refused = await push(str(server.make_url("/")))
        accepted = await push(str(server.make_url("/")), f"--ca-file={tmp_path}/ca.pem")
    finally:
        await server.close()
    assert refused[0] == 1
    assert "--ca-file" in refused[1]
    assert accepted[0] == 0, accepted[1]


@pytest.mark.parametrize("address", ["grafana:3000", "ftp://grafana", "https://grafana/?orgId=1"])
async def test_a_wrong_url_is_answered_with_a_right_one(address: str) -> None:
    status, output = await push(address)
    assert status == 1
    assert "must look like https://grafana.example" in output


async def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    status, output = await push("https://admin:hunter2@grafana.example")
    assert status == 1
    assert "give a service account's token instead" in output
    assert "hunter2" not in output


async def test_the_token_comes_from_a_file_or_the_environment(
    grafana: GrafanaStandIn, url: str, tmp_path: Path
) -> None:
    assert await push(url, token="") == (1, f"error: a token is needed: give --token-file, or set ${TOKEN_VARIABLE}\n")
    file = tmp_path / "token"
    file.write_text("editor-token\n", encoding="utf-8")
    status, _ = await push(url, f"--token-file={file}", token="")
    assert status == 0
    file.write_text("", encoding="utf-8")
    assert await push(url, f"--token-file={file}") == (1, f"error: the secret's file {file} is empty\n")
    assert len(grafana.dashboards) == PAGES
