"""What people see of the experiments: the list, the table, and what is wrong with a command line."""

from typing import cast

import pytest
from click.testing import CliRunner

from laboratory.experiments.__main__ import main
from laboratory.experiments.experiments import EXPERIMENTS, MASTER, PARTS, WORKER, Goals
from laboratory.experiments.measure import Result, Witness
from laboratory.experiments.outside import Outage
from laboratory.experiments.report import render
from laboratory.experiments.stack import Stack
from laboratory.experiments.stream import Tally
from tapwatch.errors import TapwatchError


def test_every_part_is_killed_deleted_and_rolled_out_and_every_machine_fails() -> None:
    names = [one.name for one in EXPERIMENTS]
    assert len(names) == len(set(names))
    for part in PARTS:
        assert {f"process of {part} killed", f"pod of {part} deleted", f"{part} rolled out anew"} <= set(names)
    assert {"worker without power", "worker cut off", "master hung", "whole cluster rebooted"} <= set(names)


def test_the_list_names_what_would_be_done() -> None:
    printed = CliRunner().invoke(main, ["--list", "worker", "etcd"]).output
    assert printed.splitlines() == ["worker without power", "worker cut off", "etcd member's data lost"]


def test_loads_are_chosen_as_failures_are_but_are_not_short() -> None:
    assert CliRunner().invoke(main, ["--list", "doubled"]).output.split("\n")[:2] == [
        "dispensers doubled",
        "alerts doubled",
    ]
    assert "by load" not in CliRunner().invoke(main, ["--list", "--short"]).output


def test_a_name_that_none_has_is_told_with_those_there_are() -> None:
    answer = CliRunner().invoke(main, ["--list", "meteorite"])
    assert answer.exit_code == 2
    assert "no experiment has such a name; there are: process of" in answer.output


QUIET, BROKEN = Outage(100, 0, 0, 0.25, ()), Outage(50, 4, 7.25, 0.5, ((7.25, "no answer in time"),))
COUNTED = Tally(fired=12, lost=(7,), doubled=(), delays=(8, 10, 21))


def result(goals: Goals) -> Result:
    return Result("worker dead", goals, 0, 20, 8.75, None, QUIET, BROKEN, missed=3, fired=(), tally=COUNTED)


def test_a_row_tells_what_was_lost_and_how_late_the_slowest_alert_was() -> None:
    row = "| worker dead | 8.8 s | 0.0 s / 7.2 s | - | 3 | 1 / 0, 12 | 11.0 s |"
    assert render([result(WORKER)]).splitlines()[-1] == row


def test_each_goal_that_was_missed_is_named() -> None:
    goals = Goals(api=5.0, probes=5.0, redundant=30.0, missed=0, late=10.0)
    assert result(goals).shortfalls() == [
        "worker dead: probes right 7.25 s, goal 5 s",
        "worker dead: redundant never, goal 30 s",
        "worker dead: scrapes missed 3, goal 0",
        "worker dead: alerts lost 1, goal 0",
        "worker dead: slowest alert later by 11 s, goal 10 s",
    ]


def test_slack_is_for_times_not_for_what_is_lost() -> None:
    assert result(MASTER).shortfalls(slack=4) == [
        "worker dead: scrapes missed 3, goal 0",
        "worker dead: alerts lost 1, goal 0",
    ]


@pytest.mark.parametrize(("up", "fired"), [({}, {7}), ({"d1": {(1.0, 1.0)}}, set())])
def test_what_was_never_seen_is_an_error_and_not_a_goal_that_was_met(
    up: dict[str, set[tuple[float, float]]], fired: set[int]
) -> None:
    with pytest.raises(TapwatchError, match=r"Prometheus told of \d dispensers and \d alerts"):
        Witness(cast("Stack", None), up, fired).require()
