"""Two serial devices joined by a line: pseudo-terminals, so that a client opens one and a server the other."""

import asyncio
import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LARGEST_READ = 4096


@contextmanager
def joined_terminals() -> Iterator[tuple[str, str]]:
    """The paths of both; what is written to one arrives at the other as long as the running loop turns."""
    one, other = os.openpty(), os.openpty()
    for near, far in (one, other):
        tty.setraw(far)
        os.set_blocking(near, False)
    loop = asyncio.get_running_loop()
    loop.add_reader(one[0], _pass_on, one[0], other[0])
    loop.add_reader(other[0], _pass_on, other[0], one[0])
    try:
        yield os.ttyname(one[1]), os.ttyname(other[1])
    finally:
        for near, far in (one, other):
            loop.remove_reader(near)
            os.close(near)
            os.close(far)


def _pass_on(source: int, target: int) -> None:
    """What nobody reads is lost, as on wires."""
    with suppress(BlockingIOError):
        os.write(target, os.read(source, _LARGEST_READ))
