"""Completion in the shell, as README shows how to switch it on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TAPWATCH = Path(sys.executable).with_name("tapwatch")


def answer(shell: str, **variables: str) -> str:
    environment = os.environ | {"_TAPWATCH_COMPLETE": shell} | variables
    done = subprocess.run([TAPWATCH], env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_the_shell(shell: str) -> None:
    assert "_TAPWATCH_COMPLETE" in answer(f"{shell}_source")


def test_commands_and_what_stands_below_them_are_completed() -> None:
    assert answer("bash_complete", COMP_WORDS="tapwatch di", COMP_CWORD="1").splitlines() == [
        "plain,dingtalk",
        "plain,dispenser-exporter",
    ]
    assert "plain,stand-in" in answer("bash_complete", COMP_WORDS="tapwatch dingtalk ", COMP_CWORD="2").splitlines()
    assert "plain,map" in answer("bash_complete", COMP_WORDS="tapwatch check m", COMP_CWORD="2").splitlines()


def test_options_and_their_choices_are_completed() -> None:
    words = "tapwatch dispenser-exporter --log.level de"
    assert answer("bash_complete", COMP_WORDS=words, COMP_CWORD="3") == "plain,debug\n"


def test_bash_takes_the_script() -> None:
    line = f'eval "$(_TAPWATCH_COMPLETE=bash_source {TAPWATCH})" && complete -p {TAPWATCH.name}'
    done = subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, timeout=60, check=True)
    assert "_tapwatch_completion" in done.stdout
