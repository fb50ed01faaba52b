"""The `tapwatch` command: its subcommands are entry points, each loaded only when it is called."""

import ast
import difflib
import importlib.util
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import click

from tapwatch import __version__


class LazyGroup(click.Group):
    """A command whose subcommands are the entry points of one group.

    Listing them imports none: each one's help line is the first line of its module's docstring.
    """

    def __init__(self, *args: object, entry_point_group: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own arguments, passed through
        self._entry_point_group = entry_point_group

    def _entry_points(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self._entry_point_group)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Eager and lazy subcommands in alphabetical order."""
        return sorted({*super().list_commands(ctx), *self._entry_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the subcommand's module and return its command; None when there is none of that name."""
        entry = self._entry_points().get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        command = entry.load()
        if not isinstance(command, click.Command):
            raise TypeError(f"entry point {entry.value} is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but a wrong name is answered with the nearest right one."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            close = difflib.get_close_matches(args[0], known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"It is one of: {', '.join(known)}."
            ctx.fail(f"No such command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """The list in --help."""
        eager = {name: command.get_short_help_str() for name, command in self.commands.items()}
        lazy = {name: first_line(entry.module) for name, entry in self._entry_points().items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted((eager | lazy).items()))


def first_line(module: str) -> str:
    """The first line of a module's docstring, read from its source without running it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


@click.group(
    cls=LazyGroup,
    entry_point_group="tapwatch.commands",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__, prog_name="tapwatch")
def main() -> None:
    """Monitoring and alerting for fleets of smart drinking-water dispensers and their clusters.

    \b
    See it work:         tapwatch demo
    Read one dispenser:  tapwatch read 10.0.5.7:502/17
    Serve Prometheus:    tapwatch dispenser-exporter --config.file=settings.yaml
    """  # noqa: D301 - click's mark for a paragraph whose lines stay as they are
