"""The settings for `tls://` gateways: files that cannot be used are told, and what is secret in them is not."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pydantic import ValidationError

from exporters.dispenser.tls import TlsSettings, client_context
from laboratory.kubernetes.certificates import Authority, write_secret
from tapwatch.errors import ConfigError

AUTHORITY = Authority.create("campus")
PLACE = "settings.yaml: tls"


def message_of(settings: TlsSettings) -> str:
    with pytest.raises(ConfigError) as caught:
        client_context(settings, PLACE)
    return str(caught.value)


def test_certificates_and_names_are_always_verified(tmp_path: Path) -> None:
    certificate, key = AUTHORITY.client("tapwatch").write(tmp_path, "client")
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.certificate_pem)
    for settings in (
        TlsSettings(),
        TlsSettings(ca_file=tmp_path / "ca.pem", cert_file=certificate, key_file=key),
    ):
        context = client_context(settings, PLACE)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_only_the_authority_in_the_file_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.certificate_pem)
    trusted = client_context(TlsSettings(ca_file=tmp_path / "ca.pem"), PLACE).get_ca_certs()
    assert [one["subject"] for one in trusted] == [((("commonName", "campus"),),)]


@pytest.mark.parametrize("given", ["cert_file", "key_file"])
def test_a_certificate_and_its_key_go_together(given: str) -> None:
    with pytest.raises(ValidationError, match="cert_file and key_file go together, and one of them is missing"):
        TlsSettings.model_validate({given: Path("/etc/tapwatch/file")})


def test_a_file_that_is_not_there_is_named() -> None:
    assert message_of(TlsSettings(ca_file=Path("/nowhere/ca.pem"))) == (
        f"{PLACE}: cannot be used (/nowhere/ca.pem): No such file or directory"
    )


def test_a_file_that_is_no_certificate_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hunter2", encoding="utf-8")
    message = message_of(TlsSettings(ca_file=tmp_path / "ca.pem"))
    assert message.startswith(f"{PLACE}: cannot be used ({tmp_path / 'ca.pem'}): ")
    assert "hunter2" not in message


def test_a_key_of_another_certificate_is_told_and_not_shown(tmp_path: Path) -> None:
    certificate, _ = AUTHORITY.client("tapwatch").write(tmp_path, "client")
    other = AUTHORITY.client("other")
    write_secret(tmp_path / "other.key", other.key_pem)
    message = message_of(TlsSettings(cert_file=certificate, key_file=tmp_path / "other.key"))
    assert message.startswith(f"{PLACE}: cannot be used ({certificate}, {tmp_path / 'other.key'}): ")
    assert not any(line.decode() in message for line in other.key_pem.splitlines())


def test_a_key_with_a_passphrase_is_refused_and_not_asked_about(tmp_path: Path) -> None:
    client = AUTHORITY.client("tapwatch")
    (tmp_path / "c.crt").write_bytes(client.certificate_pem)
    encryption = BestAvailableEncryption(b"word-1")
    locked = client.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption)
    (tmp_path / "c.key").write_bytes(locked)
    message = message_of(TlsSettings(cert_file=tmp_path / "c.crt", key_file=tmp_path / "c.key"))
    assert "the key has a passphrase" in message
