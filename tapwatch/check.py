"""Check a file that a person wrote: every fault with its line, exit status 2 when there is one."""

import click

from tapwatch.cli import LazyGroup


@click.group(cls=LazyGroup, entry_point_group="tapwatch.check")
def command() -> None:
    """Check a file that a person wrote, without starting anything.

    Prints every fault with its file and line. Exit status 0 when the file is good, 2 when it is not.
    """
