"""A real Prometheus on blocks of the past, asked over HTTP."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from demo.servers import locate
from laboratory.servers.daemon import Daemon, free_port

_START_SECONDS = 60
_QUERY_SECONDS = 60
_FOR_EVER = "--storage.tsdb.retention.time=100y"


class Prometheus:
    """One that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def at(self, expr: str, moment: float) -> list[dict[str, Any]]:
        """The query's series at the moment; raises ValueError with Prometheus' own words."""
        return self._ask("query", {"query": expr, "time": moment})

    def over(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The query's series over the time; raises ValueError with Prometheus' own words."""
        return self._ask("query_range", {"query": expr, "start": start, "end": end, "step": step})

    def label_values(self, label: str, selector: str, moment: float) -> list[str]:
        """The values that a label has among the series, near the moment."""
        query = urlencode({"match[]": selector, "start": moment - 3600, "end": moment})
        with urlopen(f"{self.url}/api/v1/label/{label}/values?{query}", timeout=_QUERY_SECONDS) as answer:  # noqa: S310 - our own server
            found: list[str] = json.load(answer)["data"]
            return found

    def _ask(self, path: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        body = urlencode(parameters).encode()
        try:
            with urlopen(f"{self.url}/api/v1/{path}", data=body, timeout=_QUERY_SECONDS) as answer:  # noqa: S310 - our own server
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except HTTPError as error:
            raise ValueError(json.load(error)["error"]) from error


@contextmanager
def prometheus(folder: Path, blocks: Path) -> Iterator[Prometheus]:
    """A Prometheus that serves the blocks, and scrapes nothing.

    What it writes stands in `folder`: of two that share a storage, one's start kills the other at its next query.
    """
    shutil.copytree(blocks, folder / "data", copy_function=_link)
    (folder / "prometheus.yaml").write_text("scrape_configs: []\n", encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command: Sequence[str | Path] = [
        locate("prometheus"),
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        _FOR_EVER,
        f"--web.listen-address={address}",
    ]
    server = Daemon("prometheus", command, folder / "prometheus.log")
    try:
        _wait(f"http://{address}/-/ready", server)
        yield Prometheus(f"http://{address}")
    finally:
        server.stop()


def _link(source: str, target: str) -> None:
    """Blocks never change, so one file serves all; between file systems it is copied."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _wait(url: str, server: Daemon) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except (URLError, OSError):
            if time.monotonic() > deadline or not server.running:
                raise RuntimeError(f"Prometheus does not start:\n{server.log_end()}") from None
            time.sleep(0.1)


def make_blocks(text: Path, blocks: Path) -> None:
    """Add OpenMetrics text to the blocks."""
    options = ["--quiet", "--max-block-duration=720h"]
    command: list[str | Path] = [
        locate("promtool"),
        "tsdb",
        "create-blocks-from",
        *options,
        "openmetrics",
        text,
        blocks,
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]
