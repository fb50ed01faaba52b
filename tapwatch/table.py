"""Tables for people: on a terminal as wide as it is, in a pipe as wide as they need."""

import sys

from rich.console import Console
from rich.table import Table

_WIDE = 200


def print_table(table: Table) -> None:
    """Print to standard output; nothing is cut in a pipe."""
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
