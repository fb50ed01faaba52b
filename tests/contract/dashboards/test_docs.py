"""docs/dashboards.md says what there is: pages, commands and columns."""

import re
import shlex
from pathlib import Path

import click
import pytest

from dashboards.command import command as dashboards
from dashboards.provisioning import DASHBOARDS
from dashboards.report.command import command as report
from dashboards.report.record import COLUMNS

PAGE = (Path(__file__).parents[3] / "docs" / "dashboards.md").read_text(encoding="utf-8")
BLOCKS = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = [line for line in BLOCKS.splitlines() if line.startswith("tapwatch ")]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(title: str) -> list[str]:
    """The names in the first column of a section's table."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [name for line in lines for name in re.findall(r"`(\w[\w-]*)`", line.split(" | ")[0])]


def test_every_page_is_there() -> None:
    assert sorted(first_cells("The pages")) == sorted(dashboard.uid for dashboard in DASHBOARDS)


def test_every_column_of_the_record_is_explained() -> None:
    assert tuple(first_cells("The record for an inspector")) == COLUMNS


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_typed_as_it_stands(line: str) -> None:
    group, *arguments = shlex.split(line, comments=True)[1:]
    command: click.Command = {"dashboards": dashboards, "report": report}[group]
    if isinstance(command, click.Group):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    command.make_context("tapwatch", arguments)


def test_there_are_commands_in_it() -> None:
    assert len(COMMANDS) >= 5
