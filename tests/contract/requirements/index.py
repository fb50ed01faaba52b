"""A package index on loopback, on a day when everything that is locked has been released again."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

RELEASED_SINCE = "9999"
"""A version that is newer than any."""


@dataclass(frozen=True)
class Index:
    """Where it is, and the SHA-256 of its file for each name and version."""

    url: str
    digests: dict[tuple[str, str], str]


@contextmanager
def serve(packages: set[tuple[str, str]], folder: Path) -> Iterator[Index]:
    """Serve a stub of each package under its name and version, and of a newer release of each, out of `folder`."""
    newer = {(name, RELEASED_SINCE) for name, _ in packages}
    digests = {package: _publish(*package, folder) for package in sorted(packages | newer)}
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Index(f"http://127.0.0.1:{server.server_port}/simple", digests)
        finally:
            server.shutdown()
            thread.join()


def _publish(name: str, version: str, folder: Path) -> str:
    """Put a wheel into the index, add it to its package's page, and return the wheel's SHA-256."""
    page = folder / "simple" / name
    page.mkdir(parents=True, exist_ok=True)
    file = page / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    file.write_bytes(_wheel(name, version))
    with (page / "index.html").open("a", encoding="utf-8") as listing:
        listing.write(f'<a href="{file.name}">{file.name}</a>\n')
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _wheel(name: str, version: str) -> bytes:
    """A package without content whose metadata asks for what the real one's does."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{info}/METADATA": _metadata(name, version),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return content.getvalue()


def _metadata(name: str, version: str) -> str:
    stub = Message()
    stub["Metadata-Version"], stub["Name"], stub["Version"] = "2.1", name, version
    try:
        real = metadata.metadata(name)
    except metadata.PackageNotFoundError:  # locked for other platforms, or not for the environment of the tests
        return str(stub)
    for field in ("Provides-Extra", "Requires-Dist"):
        for value in real.get_all(field, ()):
            stub[field] = value
    return str(stub)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Leave standard error to the test."""
