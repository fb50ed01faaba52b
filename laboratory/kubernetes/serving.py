"""Servers of a test's own with TLS, on this machine, for API servers to ask."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers JSON, and says nothing besides."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, content: object) -> None:
        """The whole answer."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the library has it
        """Nothing."""


@contextmanager
def serving(address: str, certificate: tuple[Path, Path], handler: type[Handler]) -> Iterator[int]:
    """A server at this address; its port."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(*certificate)
    with ThreadingHTTPServer((address, 0), handler) as server:
        # The handshake is left to each connection's own thread: here, one that stays silent would stop all others.
        server.socket = trust.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, name="serving")
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
