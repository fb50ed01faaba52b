"""Tie a child process to its parent."""

from typing import Final

LEASH: Final = ("setpriv", "--pdeathsig", "KILL")
"""Before a command: the kernel kills the child when its parent dies, even by kill -9. setpriv executes the command in
its own place."""
