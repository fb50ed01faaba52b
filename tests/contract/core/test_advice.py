"""Commands and options that our texts advise exist: in messages, help texts and pages."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from tapwatch.cli import main

PRODUCT = ("tapwatch", "exporters", "alerting", "dashboards", "demo", "k8s")
PAGES = (Path("README.md"), *sorted(Path("docs").glob("*.md")))

NO_COMMANDS = {"buttons", "outbox", "undelivered"}
"""What follows `tapwatch` in names that nobody types: of keys, locks and groups."""
OF_OTHER_PROGRAMS = {"--server-side", "--web.local-assets", "--user", "--map-root-user", "--mount"}
"""Options in our sentences and scripts that are not ours: kubectl's, Prometheus', unshare's."""

_COMMAND = re.compile(r"(?<![\w./-])tapwatch +([a-z][^\n`|;<>]*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z.-]*[a-z]")


@dataclass(frozen=True)
class Told:
    """A text, and where it stands."""

    where: str
    text: str


def strings() -> Iterator[Told]:
    """Every string of the product; what is filled in stands as X, and the program's own name as itself."""
    for path in sorted(path for folder in PRODUCT for path in Path(folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield Told(f"{path}:{node.lineno}", "".join(map(_spelled, node.values)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                yield Told(f"{path}:{node.lineno}", node.value)


def _spelled(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    is_program = isinstance(part, ast.FormattedValue) and ast.unparse(part.value) == "program()"
    return "tapwatch" if is_program else "X"


def commands(text: str) -> Iterator[str]:
    for match in _COMMAND.finditer(text):
        if re.findall(r"[a-z-]+", match[1])[0] not in NO_COMMANDS:
            yield match[1]


def wrong_with(words: str) -> str | None:
    """What is wrong with a command line of ours; None when each of its commands and options exists."""
    try:
        tokens = shlex.split(words, comments=True)
    except ValueError:  # a quotation mark of the sentence around it
        tokens = words.split()
    command: click.Command = main
    context = click.Context(main, info_name="tapwatch")
    for token in tokens:
        if token.startswith("--"):
            name = token.partition("=")[0].rstrip(".,:;)'\"")
            if name not in known_options(command):
                return f"{command.name} has no option {name}"
        elif isinstance(command, click.Group):
            found = command.get_command(context, token.rstrip(".,:;)'\""))
            if found is None:
                if command is main or not command.invoke_without_command:
                    return f"{command.name} has no command {token}"
                break  # the sentence goes on
            command = found
            context = click.Context(command, parent=context)
    return None


def known_options(command: click.Command) -> set[str]:
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}


def every_option(command: click.Command = main) -> set[str]:
    found = known_options(command) | {"--version"}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found |= every_option(inner)
    return found


def test_every_command_in_our_strings_exists() -> None:
    told = [(one.where, words, wrong_with(words)) for one in strings() for words in commands(one.text)]
    assert len(told) > 30, "the strings were not read"
    assert [one for one in told if one[2] is not None] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_on_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace(".venv/bin/tapwatch", "tapwatch")
    typed = [
        *re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL),
        *re.findall(r"`(tapwatch [^`]+)`", text),
    ]
    told = [(words, wrong_with(words)) for block in typed for words in commands(block)]
    assert [one for one in told if one[1] is not None] == []


def test_every_option_in_our_sentences_exists() -> None:
    known = every_option() | OF_OTHER_PROGRAMS
    told = [(one.where, name) for one in strings() if " " in one.text for name in _OPTION.findall(one.text)]
    assert len(told) > 30
    assert [one for one in told if one[1] not in known] == []


@pytest.mark.parametrize(
    "words",
    ["raed 10.0.5.7/1", "read 10.0.5.7/1 --register h0", "check maps acme.yaml", "dispenser-exporter --config=x"],
)
def test_a_command_that_does_not_exist_would_be_found(words: str) -> None:
    assert wrong_with(words) is not None
