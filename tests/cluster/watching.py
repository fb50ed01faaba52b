"""The cluster exporter as users run it, watching the control plane; how soon it shows what happens."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from sys import executable
from typing import Any

import yaml

from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.servers.daemon import Daemon, free_port
from laboratory.servers.waiting import comes_true
from tests.integration.cluster.watching import Scrape

INTERVAL = 2.0
"""Seconds between two probes of an endpoint."""
PROMISED = INTERVAL + 1.0
SLACK = 4.0
"""For a machine that does other work; what was measured is printed at the end of the tests."""
RIGHTS = Path(__file__).parents[2] / "exporters" / "cluster" / "rbac.yaml"
"""What users apply; it makes the account."""
ACCOUNT, NAMESPACE = "tapwatch-cluster-exporter", "tapwatch"
CLUSTER = "tested"
_SCRAPE_SECONDS = 0.05


@dataclass(frozen=True)
class Exporter:
    """The running process."""

    url: str
    daemon: Daemon
    noticed: dict[str, float] = field(default_factory=dict)
    """How many seconds after what happened it was shown."""

    def scrape(self) -> Scrape:
        """What Prometheus would get now."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:  # noqa: S310 - on loopback
            return Scrape(answer.read().decode())

    def until(self, condition: Callable[[Scrape], bool], seconds: float = 60) -> Scrape:
        """The first scrape that fulfils the condition; fails with the series when none does in time."""
        deadline = time.monotonic() + seconds
        while not condition(scrape := self.scrape()):
            assert time.monotonic() < deadline, f"not within {seconds:g} s:\n{scrape.text}\n{self.daemon.log_end()}"
            time.sleep(_SCRAPE_SECONDS)
        return scrape

    def read_json(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What it answers there."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:  # noqa: S310 - on loopback
            return json.loads(answer.read())

    def notices(self, what: str, condition: Callable[[Scrape], bool], promised: float = PROMISED) -> Scrape:
        """As `until`, from now on within what is promised; the longest time of all is kept."""
        started = time.monotonic()
        scrape = self.until(condition, promised + SLACK)
        self.noticed[what] = max(self.noticed.get(what, 0.0), time.monotonic() - started)
        return scrape


@contextmanager
def exporter_on(folder: Path, **settings: Any) -> Iterator[Exporter]:  # noqa: ANN401 - any settings
    """The exporter with these settings beside the tests' usual ones; its first round is over."""
    file, address = folder / "settings.yaml", f"127.0.0.1:{free_port()}"
    file.write_text(yaml.safe_dump({"interval": f"{INTERVAL:g}s", "refresh": "2s", "write_interval": "2s", **settings}))
    command = [executable, "-m", "tapwatch", "cluster-exporter", f"--config.file={file}"]
    daemon = Daemon("exporter", [*command, f"--web.listen-address={address}"], folder / "exporter.log")
    exporter = Exporter(f"http://{address}", daemon)
    try:
        assert comes_true(lambda: _is_ready(exporter), 60), daemon.log_end()
        yield exporter
    finally:
        daemon.stop()


def cluster_settings(plane: HighlyAvailable, kubeconfig: Path) -> Mapping[str, object]:
    """One cluster, with its etcd."""
    authority, certificate, key = plane.etcd_credentials
    etcd = {
        "endpoints": [master.etcd_url for master in plane.masters],
        "ca_file": str(authority),
        "certificate_file": str(certificate),
        "key_file": str(key),
    }
    place = {"region": "tw-north", "zone": "zone-a", "provider": "on-premises"}
    return {"name": CLUSTER, "kubeconfig": str(kubeconfig), "etcd": etcd, **place}


def _is_ready(exporter: Exporter) -> bool:
    with urllib.request.urlopen(f"{exporter.url}/-/ready", timeout=10) as answer:  # noqa: S310 - on loopback
        return bool(answer.status == 200)
