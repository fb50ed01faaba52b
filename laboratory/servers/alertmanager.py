"""A real Alertmanager."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from demo.child import Child
from demo.servers import locate
from tapwatch.web import free_port

ALONE = ("--cluster.listen-address=",)
_READY_SECONDS = 60.0


@asynccontextmanager
async def running_alertmanager(
    folder: Path, settings: str, *, port: int | None = None, cluster: Sequence[str] = ALONE
) -> AsyncIterator[str]:
    """Its URL, once it is ready; `settings` is the text of its file, `cluster` how it finds its peers."""
    port = port or free_port()
    file = folder / f"alertmanager-{port}.yaml"
    file.write_text(settings, encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        locate("alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder}/alertmanager-{port}",
        f"--web.listen-address=127.0.0.1:{port}",
        *cluster,
    ]
    child = await Child.start("alertmanager", command, folder / f"alertmanager-{port}.log")
    try:
        await child.wait_ready(f"{url}/-/ready", _READY_SECONDS)
        yield url
    finally:
        await child.stop()
