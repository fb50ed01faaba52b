"""TLS as every connection of ours speaks it, whatever version Python or OpenSSL would begin with.

Python sets no least version where its distributor leaves that to OpenSSL's settings file, as Debian does.
"""

import ssl
from pathlib import Path

LEAST_VERSION = ssl.TLSVersion.TLSv1_2


def verifying_context(ca_file: str | Path | None = None) -> ssl.SSLContext:
    """Make a client's context that verifies certificates and host names.

    It trusts who signed in `ca_file`, or whom the operating system trusts. Raises OSError for a file that cannot be
    used.
    """
    return at_least(LEAST_VERSION, ssl.create_default_context(cafile=ca_file))


def trusting_context() -> ssl.SSLContext:
    """Make a client's context that believes everybody, to look at certificates and never to send anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return at_least(LEAST_VERSION, context)


def serving_context() -> ssl.SSLContext:
    """Make a server's context, still without a certificate."""
    return at_least(LEAST_VERSION, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def at_least(version: ssl.TLSVersion, context: ssl.SSLContext) -> ssl.SSLContext:
    """Refuse versions below `version`; returns the context."""
    context.minimum_version = version
    return context
