"""The error tree: reasons are labels, faults read well."""

import pytest

from tapwatch.errors import (
    ConfigError,
    DeliveryError,
    DeliveryReason,
    Fault,
    Faults,
    PollError,
    PollReason,
    TapwatchError,
)


def test_a_fault_reads_as_file_line_path_and_sentence() -> None:
    assert str(Fault("a.yaml", 3, "x[0].y", "is missing")) == "a.yaml:3: x[0].y: is missing"
    assert str(Fault("a.yaml", None, "", "cannot be read")) == "a.yaml: cannot be read"


def test_every_error_of_ours_is_a_tapwatch_error() -> None:
    for error in (ConfigError, PollError, DeliveryError):
        assert issubclass(error, TapwatchError)


@pytest.mark.parametrize("reason", [*PollReason, *DeliveryReason])
def test_a_reason_is_fit_to_be_a_label_value(reason: str) -> None:
    assert reason.replace("_", "").isalpha()
    assert reason.islower()


def test_faults_of_several_files_are_told_together() -> None:
    faults = Faults()
    for name in ("a.yaml", "b.yaml"):
        with faults.collect():
            raise ConfigError([Fault(name, 1, "", "is bad")])
    with pytest.raises(ConfigError) as caught:
        faults.raise_if_any()
    assert str(caught.value) == "a.yaml:1: is bad\nb.yaml:1: is bad"


def test_no_fault_raises_nothing() -> None:
    Faults().raise_if_any()
