"""What the repository ships, as the tests read it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import alerting

ALERTING = Path(alerting.__file__).parent
RUNBOOKS = ALERTING.parent / "docs" / "runbooks"
RULE_FILES = sorted((ALERTING / "rules").glob("*.yaml"))
TEST_FILES = sorted((ALERTING / "rules" / "tests").glob("*.yaml"))
TRANSLATIONS = (RUNBOOKS / "zh-TW",)
"""Where the same pages stand in other languages."""
ROUTING = ALERTING / "routing" / "alertmanager.yaml"
SCRAPE_JOBS = ALERTING / "prometheus.yaml"


@dataclass(frozen=True)
class Alert:
    """One alerting rule."""

    name: str
    file: str
    """Its file's stem."""
    expr: str
    wait: str
    """`for`, or nothing."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def area(self) -> str:
        """What it is about: dispenser, controlplane or pipeline. Objectives are about control planes."""
        return "controlplane" if self.file == "objectives" else self.file.partition("-")[0]


@cache
def load(file: Path) -> Any:  # noqa: ANN401 - others' formats
    """A YAML file, by the loader in C: the rules' tests are ten thousand lines."""
    return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def rules() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every rule, recording and alerting, with its file's stem."""
    for file in RULE_FILES:
        for group in load(file)["groups"]:
            for rule in group["rules"]:
                yield file.stem, rule


def alerts() -> Sequence[Alert]:
    """Every alerting rule."""
    return [
        Alert(rule["alert"], file, rule["expr"], rule.get("for", ""), rule["labels"], rule["annotations"])
        for file, rule in rules()
        if "alert" in rule
    ]


def recorded() -> set[str]:
    """The series that recording rules make."""
    return {rule["record"] for _, rule in rules() if "record" in rule}


def jobs() -> set[str]:
    """The names of the scrape jobs."""
    return {job["job_name"] for job in load(SCRAPE_JOBS)["scrape_configs"]}
