"""All files that the bridge's settings lead to."""

from pathlib import Path

from alerting.dingtalk.people import NOBODY, People, load_people
from alerting.dingtalk.settings import BridgeSettings, load_settings
from alerting.dingtalk.templating import Templates
from tapwatch.errors import Faults


def load_all(file: Path) -> tuple[BridgeSettings, People]:
    """The settings and the people; raises ConfigError with every fault of all files, templates included."""
    settings, people, faults = load_settings(file), NOBODY, Faults()
    if settings.people is not None:
        with faults.collect():
            people = load_people(settings.people)
    faults.add(*Templates(settings.templates).faults())
    faults.raise_if_any()
    return settings, people
