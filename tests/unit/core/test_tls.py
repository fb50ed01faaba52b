"""Contexts for TLS: what Python or OpenSSL would begin with does not decide which versions are spoken."""

import ssl

import pytest

from tapwatch.tls import LEAST_VERSION, at_least, serving_context, trusting_context, verifying_context


@pytest.mark.parametrize("make", [verifying_context, trusting_context, serving_context])
def test_tls_1_2_is_the_least_that_is_spoken(make: type[ssl.SSLContext]) -> None:
    assert make().minimum_version is LEAST_VERSION is ssl.TLSVersion.TLSv1_2


def test_an_older_least_version_of_python_or_openssl_is_raised() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # as Debian's Python has it
    assert at_least(LEAST_VERSION, context).minimum_version is LEAST_VERSION


def test_a_verifying_context_verifies_certificates_and_names() -> None:
    context = verifying_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
