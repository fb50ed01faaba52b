"""What a process tells its service manager."""

import socket
from pathlib import Path

from structlog.testing import capture_logs

from tapwatch import servicemanager


def test_without_a_service_manager_nothing_is_told() -> None:
    servicemanager.tell(servicemanager.READY, {})


def test_a_name_that_is_not_in_the_file_system_begins_with_an_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0tapwatch-test-manager")
        servicemanager.tell(servicemanager.READY, {"NOTIFY_SOCKET": "@tapwatch-test-manager"})
        assert manager.recv(100) == b"READY=1"


def test_a_service_manager_that_is_gone_is_logged(tmp_path: Path) -> None:
    with capture_logs() as logs:
        servicemanager.tell(servicemanager.STOPPING, {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert [entry["event"] for entry in logs] == ["process.service_manager_unreachable"]
