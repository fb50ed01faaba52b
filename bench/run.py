"""What the parts of one benchmark run share: the peers, the folder, where profiles go, and what is told meanwhile."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.table import Table

from bench.sampler import profile_table
from tapwatch.table import print_table


@dataclass(frozen=True)
class Run:
    """One run."""

    modbus_exporter: Path | None = None
    telegraf: Path | None = None
    """The peers' executables; a table stands without the peer that is not there."""
    alertmanager: Path | None = None
    profiles: Path | None = None
    """The folder for our exporter's profiles; None to take none."""

    @contextmanager
    def part(self, title: str) -> Iterator["Part"]:
        """A folder that lasts as long as the part; its profiles are printed at the end."""
        with tempfile.TemporaryDirectory(prefix="tapwatch-bench-") as name:
            part = Part(title, Path(name), self.profiles, [])
            yield part
        for profile in part.profiled:
            print_table(profile_table(profile, f"CPU time of our exporter: {profile}"))


@dataclass(frozen=True)
class Part:
    """One part while it runs."""

    title: str
    folder: Path
    _profiles: Path | None
    profiled: list[Path]

    def tell(self, text: str) -> None:
        """Progress, on standard error."""
        click.echo(f"{self.title}: {text} ...", err=True)

    def profile(self, name: str) -> Path | None:
        """The file for a profile of our exporter, where profiles are wanted."""
        if self._profiles is None:
            return None
        self._profiles.mkdir(parents=True, exist_ok=True)
        self.profiled.append((self._profiles / f"{name}.stacks").resolve())
        return self.profiled[-1]


def figures_table(title: str, first: str, *columns: str) -> Table:
    """A table of figures, as all of them look."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="bold")
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
