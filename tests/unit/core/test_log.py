"""Logs mask what is a secret."""

import json

import pytest
import structlog
from pydantic import SecretStr

from tapwatch import log


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_secret_never_reaches_the_log(log_format: log.LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", log_format)
    structlog.get_logger().info("robot.loaded", robot="ops", token=SecretStr("s3cret"), secret="s3cret")
    written = capsys.readouterr().err
    assert "robot.loaded" in written
    assert "ops" in written
    assert "s3cret" not in written


def test_a_container_reads_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    structlog.get_logger().warning("modbus.poll_failed", reason="timeout")
    event = json.loads(capsys.readouterr().err)
    assert event["event"] == "modbus.poll_failed"
    assert event["level"] == "warning"
    assert event["reason"] == "timeout"


def test_less_severe_events_than_asked_for_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning", "json")
    structlog.get_logger().info("process.listening")
    assert capsys.readouterr().err == ""
