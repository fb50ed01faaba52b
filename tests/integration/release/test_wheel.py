"""All that the commands need at run time is in the wheel."""

import json
from importlib.metadata import entry_points

import pytest

from tests.integration.release.wheel import ROOT, Installed

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

EVERY_HELP = """
import json, sys
import click
from click.testing import CliRunner
from tapwatch.cli import main

def walk(command, words):
    yield words, CliRunner().invoke(main, [*words, "--help"])
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), [*words, name])

print(json.dumps([[words, answer.exit_code] for words, answer in walk(main, [])]))
"""
WHERE = """
import importlib, json
packages = ["tapwatch", "exporters", "alerting", "dashboards", "demo", "k8s"]
print(json.dumps({name: importlib.import_module(name).__file__ for name in packages}))
"""
BUILT_IN_MAPS = """
from pathlib import Path
import exporters.dispenser
print(*sorted(Path(exporters.dispenser.__file__).parent.glob("maps/*.yaml")), sep="\\n")
"""


def test_nothing_is_taken_from_the_checkout(installed: Installed) -> None:
    places = json.loads(installed.python(WHERE))
    assert [place for place in places.values() if not place.startswith(str(installed.environment))] == []
    assert str(ROOT) not in installed.python("import sys; print(sys.path)")


def test_every_command_explains_itself(installed: Installed) -> None:
    answers = {" ".join(words): status for words, status in json.loads(installed.python(EVERY_HELP))}
    assert set(answers.values()) == {0}
    assert {entry.name for entry in entry_points(group="tapwatch.commands")} <= set(answers)
    assert "dingtalk stand-in" in answers


def test_the_command_says_its_version(installed: Installed) -> None:
    answer = installed.run("tapwatch", "--version")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("tapwatch, version ")


def test_the_built_in_maps_are_there_and_good(installed: Installed) -> None:
    maps = installed.python(BUILT_IN_MAPS).split()
    assert len(maps) > 1
    for file in maps:
        answer = installed.run("tapwatch", "check", "map", file)
        assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("what", ["rules", "dashboards", "k8s"])
def test_generated_files_are_there_and_in_step(what: str, installed: Installed) -> None:
    answer = installed.run("tapwatch", what, "build", "--check")
    assert answer.returncode == 0, answer.stderr


def test_grafanas_provisioning_is_written_in_an_empty_folder(installed: Installed) -> None:
    words = ("dashboards", "provision", "--prometheus=http://127.0.0.1:9090", "--output=provisioning")
    answer = installed.run("tapwatch", *words)
    assert answer.returncode == 0, answer.stderr
    assert list((installed.folder / "provisioning").rglob("tapwatch-fleet.json"))


def test_settings_beside_nothing_are_checked(installed: Installed) -> None:
    settings = installed.folder / "settings.yaml"
    settings.write_text("timeout: 3s\n", encoding="utf-8")
    answer = installed.run("tapwatch", "dispenser-exporter", "--config.file=settings.yaml", "--config.check")
    assert (answer.returncode, answer.stdout) == (0, "settings.yaml: good\n")
