"""`--web.config.file`: what is wrong with it is told."""

from pathlib import Path

import pytest

from tapwatch.errors import ConfigError
from tapwatch.webconfig import WebGate

PLAIN = "basic_auth_users: {prom: hunter2}\n"


def faults_of(tmp_path: Path, text: str) -> str:
    file = tmp_path / "web.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        WebGate(file)
    return str(caught.value).replace(str(file), "web.yaml")


def test_a_plain_password_is_refused_and_not_repeated(tmp_path: Path) -> None:
    assert faults_of(tmp_path, PLAIN) == (
        "web.yaml:1: basic_auth_users: the password of 'prom' must be a bcrypt hash (htpasswd -nBC 10 NAME)"
    )


def test_client_certificates_need_an_authority(tmp_path: Path) -> None:
    text = "tls_server_config:\n  cert_file: a\n  key_file: b\n  client_auth_type: RequireAndVerifyClientCert\n"
    assert faults_of(tmp_path, text) == (
        "web.yaml:1: tls_server_config: client_auth_type RequireAndVerifyClientCert needs client_ca_file"
    )


def test_a_certificate_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "No such file or directory" in faults_of(tmp_path, "tls_server_config: {cert_file: a, key_file: b}")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = "tls_server_config:\n  cert_file: a\n  min_version: TLS10\nbasic_auth: {}\n"
    assert faults_of(tmp_path, text).splitlines() == [
        "web.yaml:1: tls_server_config.key_file: is missing",
        "web.yaml:3: tls_server_config.min_version: input should be 'TLS12' or 'TLS13'",
        "web.yaml:4: basic_auth: unknown key; did you mean 'basic_auth_users'?",
    ]
