"""An API server on loopback that answers each request as a test tells it to, with or without TLS.

It blocks, in threads: asyncio's TLS servers close without a word where others send the alert.
"""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import trustme

Answer = Callable[[str], bytes | None]
"""Gets a request's head and returns what to send; None to send nothing and keep the connection open."""


_CLIENT_HELLO = b"\x16"
"""How TLS begins (RFC 8446, section 5.1), for servers that do not speak it."""


@dataclass
class Server:
    """The server and the heads of the requests that it has read."""

    answer: Answer
    context: ssl.SSLContext | None
    url: str = ""
    requests: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        """One connection, one request."""
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with connection, suppress(OSError):
            connection.settimeout(5)
            if isinstance(connection, ssl.SSLSocket) and not _shake_hands(connection):
                return
            head = b""
            while b"\r\n\r\n" not in head and not head.startswith(_CLIENT_HELLO):
                head += connection.recv(4096) or b"\r\n\r\n"
            if not head.strip():
                return  # somebody who only looked
            self.requests.append(head.decode("latin-1"))
            content = self.answer(self.requests[-1])
            if content is None:
                self.ended.wait(30)
            else:
                connection.sendall(content)


def _shake_hands(connection: ssl.SSLSocket) -> bool:
    try:
        connection.do_handshake()
    except ssl.SSLError:
        with socket.socket(fileno=connection.detach()) as plain:
            while plain.recv(4096):  # closing with something unread would take the alert back
                pass
        return False
    return True


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that listens while the context lasts."""
    server = Server(answer, context)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            server.serve(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        scheme = "http" if context is None else "https"
        server.url = f"{scheme}://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            listener.shutdown()
            thread.join()


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """TLS with a certificate for these names."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names or ("127.0.0.1",)).configure_cert(context)
    return context


def stay_silent(_request: str) -> None:
    """The request is read, and nothing comes."""


def say(status: str, body: str = "", *headers: str, length: int | None = None) -> Answer:
    """An HTTP answer; `length` to announce another one than the body's."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return say_raw("\r\n".join([*head, "", body]).encode())


def say_raw(content: bytes) -> Answer:
    """These bytes, HTTP or not."""
    return lambda _request: content
