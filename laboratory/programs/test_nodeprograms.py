"""Debian's programs run from where they were unpacked, on a machine that has none of them."""

import subprocess
from pathlib import Path

import pytest

from laboratory.programs.nodeprograms import busybox, iptables, runc

RULE = "-t nat -A PREROUTING -p tcp -m comment --comment web -m statistic --mode random --probability 0.5 -j ACCEPT"


@pytest.fixture(autouse=True)
def machine_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are administrators' programs, in a folder of their own."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def test_runc_runs() -> None:
    assert "spec: 1." in output(runc(), "--version")


@pytest.mark.root
def test_iptables_knows_the_rules_of_services() -> None:
    inside = ("unshare", "--net", "sh", "-c", f'"$0/iptables" {RULE} && "$0/iptables-save"', iptables())
    assert "--probability 0.5" in output(*inside)


def test_busybox_needs_no_libraries() -> None:
    assert "statically linked" in output(busybox(), "sh", "-c", "ldd $0 2>&1 || echo statically linked")


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
