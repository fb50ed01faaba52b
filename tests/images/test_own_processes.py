"""Every process of the image runs as pods run it: read-only root, ordinary user, no capabilities."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from laboratory.images.container import SETTINGS, Container
from laboratory.notifications import body
from laboratory.servers.confined import ConfinedDaemon
from laboratory.servers.daemon import free_port
from laboratory.servers.postgresql import PostgreSQL
from laboratory.servers.waiting import comes_true

pytestmark = [pytest.mark.timeout(600), pytest.mark.compiled, pytest.mark.root]  # the first test unpacks the image

COMMANDS = sorted(entry.name for entry in entry_points(group="tapwatch.commands"))
READY_SECONDS = 90

DINGTALK = """\
robots:
  ops: {{access_token_file: ./ops.token, keywords: [Tapwatch], url: "http://127.0.0.1:9/robot/send"}}
outbox: {outbox}
alertmanagers: [http://127.0.0.1:9]
"""
ZABBIX = (
    "api_url: http://127.0.0.1:9/api_jsonrpc.php\ntoken_file: ./zabbix.token\nalertmanagers: [http://127.0.0.1:9]\n"
)
CLUSTER = """\
clusters:
  - {name: campus, server: "https://127.0.0.1:9", token_file: ./campus.token}
"""
DRAWING = """\
from alerting.dingtalk.chart import draw, prepare
from alerting.dingtalk.easel import Picture
picture = draw(Picture([("飲水機", [(0.0, 1.0), (60.0, 2.0)])], 1.5, 30.0, "Asia/Taipei"))
print(picture[:4], len(picture) > 5000)
"""

FONT = """\
from matplotlib.font_manager import findfont
print(findfont("WenQuanYi Micro Hei", fallback_to_default=False))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Files as Secrets and ConfigMaps bring them, readable by everybody."""
    folder = tmp_path / "settings"
    folder.mkdir()
    texts = {
        "dispenser-exporter.yaml": "targets: any\n",
        "cluster-exporter.yaml": CLUSTER,
        "dingtalk.yaml": DINGTALK.format(outbox="sqlite:////tmp/outbox.db"),
        "zabbix.yaml": ZABBIX,
        "ops.token": "stand-in-of-a-token",
        "zabbix.token": "0" * 64,
        "campus.token": "stand-in-of-a-token",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


@contextmanager
def running(container: Container, log: Path, *command: str) -> Iterator[ConfinedDaemon]:
    """The process as the image's entry point starts it."""
    process = container.start(log, "tapwatch", *command)
    try:
        yield process
    finally:
        process.kill()


def test_the_entry_point_explains_itself(container: Container) -> None:
    answer = container.run("tapwatch", "--help")
    assert answer.returncode == 0, answer.stderr
    assert [command for command in COMMANDS if f"  {command} " not in answer.stdout] == []
    assert answer.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(container: Container, command: str) -> None:
    answer = container.run("tapwatch", command, "--help")
    assert answer.returncode == 0, answer.stderr
    assert f"Usage: tapwatch {command}" in answer.stdout
    assert answer.stderr == ""


def test_it_runs_as_an_ordinary_user_without_capabilities_and_writes_nowhere(container: Container) -> None:
    status = container.run("python", "-c", "print(open('/proc/self/status').read())").stdout
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["Uid"].split() == ["65532"] * 4
    assert facts["Groups"].strip() == ""
    assert {int(facts[kind], 16) for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert facts["NoNewPrivs"] == "1"
    for place in ("/tmp", "/opt/tapwatch", "/var/tmp", "/"):  # noqa: S108 - not ours
        refused = container.run("python", "-c", f"open('{place}/x', 'w')")
        assert "Read-only file system" in refused.stderr


@pytest.mark.parametrize("process", ["dispenser-exporter", "cluster-exporter", "dingtalk", "zabbix"])
def test_good_settings_are_called_good(container: Container, settings: Path, process: str) -> None:
    file = f"{SETTINGS}/{process}.yaml"
    answer = replace(container, settings=settings, scratch=True).run(
        "tapwatch", process, f"--config.file={file}", "--config.check"
    )
    assert (answer.stdout, answer.returncode) == (f"{file}: good\n", 0), answer.stderr


def test_bad_settings_are_told_with_their_place(container: Container, settings: Path) -> None:
    (settings / "dispenser-exporter.yaml").write_text("mpas: []\n", encoding="utf-8")
    answer = replace(container, settings=settings).run(
        "tapwatch", "dispenser-exporter", f"--config.file={SETTINGS}/dispenser-exporter.yaml", "--config.check"
    )
    assert answer.returncode == 2
    assert "mpas" in answer.stderr


@pytest.mark.parametrize("process", ["dispenser-exporter", "cluster-exporter", "zabbix"])
def test_it_is_ready_with_nowhere_to_write(container: Container, settings: Path, tmp_path: Path, process: str) -> None:
    port, log = free_port(), tmp_path / "log"
    options = (f"--config.file={SETTINGS}/{process}.yaml", f"--web.listen-address=127.0.0.1:{port}")
    path = "/-/healthy" if process == "cluster-exporter" else "/-/ready"  # no cluster answers here
    with running(replace(container, settings=settings), log, process, *options):
        assert comes_true(lambda: answers(port, path), READY_SECONDS), log.read_text()
        assert answers(port, "/metrics")
    assert "Traceback" not in log.read_text()


def test_the_bridge_keeps_its_outbox_in_postgresql_with_nowhere_to_write(
    container: Container, settings: Path, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    (tmp_path / "postgresql").mkdir()
    with PostgreSQL.start(tmp_path / "postgresql") as database:
        url = database.create_database("outbox")
        (settings / "dingtalk.yaml").write_text(DINGTALK.format(outbox=url), encoding="utf-8")
        options = (f"--config.file={SETTINGS}/dingtalk.yaml", f"--web.listen-address=127.0.0.1:{port}")
        with running(replace(container, settings=settings), log, "dingtalk", *options):
            assert comes_true(lambda: answers(port, "/-/ready"), READY_SECONDS), log.read_text()
            request = Request(f"http://127.0.0.1:{port}/dingtalk/ops", body(), {"Content-Type": "application/json"})
            with urlopen(request, timeout=60) as answer, database.connect("outbox") as connection:  # noqa: S310 - loopback
                assert answer.status == 200
                stored = connection.execute("select count(*) from notification").fetchone()
    assert stored == (1,)


def test_the_stand_in_and_the_campus_serve_with_nowhere_to_write(
    container: Container, settings: Path, tmp_path: Path
) -> None:
    chat, campus = free_port(), free_port()
    stand_in = ("dingtalk", "stand-in", f"--robots={SETTINGS}/dingtalk.yaml", f"--web.listen-address=127.0.0.1:{chat}")
    simulate = ("simulate", "--modbus-port=0", f"--web.listen-address=127.0.0.1:{campus}")
    with (
        running(replace(container, settings=settings), tmp_path / "chat.log", *stand_in),
        running(container, tmp_path / "campus.log", *simulate),
    ):
        assert comes_true(lambda: answers(chat, "/"), READY_SECONDS), (tmp_path / "chat.log").read_text()
        assert comes_true(lambda: answers(campus, "/dispensers"), READY_SECONDS), (tmp_path / "campus.log").read_text()


def test_dashboards_are_written_to_the_one_place_that_may_be_written(container: Container) -> None:
    command = ("sh", "-c", "tapwatch dashboards build --output /tmp/dashboards && find /tmp/dashboards -name '*.json'")
    answer = replace(container, scratch=True).run(*command)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) > 10


def test_a_chart_with_chinese_names_is_drawn_with_the_fonts_inside(container: Container) -> None:
    answer = container.run("python", "-W", "error", "-c", DRAWING)
    assert answer.stdout == "b'\\x89PNG' True\n", answer.stderr
    answer = container.run("python", "-c", FONT)
    assert "wqy-microhei" in answer.stdout, answer.stderr


def test_urllib3_was_replaced_while_building_and_every_start_leaves_it(container: Container) -> None:
    program = (
        "import urllib3; from importlib.metadata import version; print(urllib3.__version__, version('urllib3-future'))"
    )
    answer = container.run("python", "-c", program)
    loaded, future = answer.stdout.split()
    assert loaded == future
    assert answer.stderr == ""


def test_it_ends_in_order_when_a_pod_is_deleted(container: Container, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with running(container, log, "dispenser-exporter", f"--web.listen-address=127.0.0.1:{port}") as process:
        assert comes_true(lambda: answers(port, "/-/ready"), READY_SECONDS), log.read_text()
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(60)
    assert "Traceback" not in log.read_text()
