"""What stopped pip, from what pip printed; tests/contract/requirements has the same from pip itself."""

import pytest

from requirements.complaints import explain

RETRYING = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError({})': /simple/six/"
NONE = "ERROR: Could not find a version that satisfies the requirement six==1.17.0 (from versions: none)"
OLDER = "ERROR: Could not find a version that satisfies the requirement six==1.17.0 (from versions: 1.16.0)"
MISSING = "ERROR: No matching distribution found for six==1.17.0"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("...: Failed to establish a new connection: [Errno 111] Connection refused", "[Errno 111] Connection refused"),
        ("Failed to resolve 'x' ([Errno -2] Name or service not known)", "[Errno -2] Name or service not known"),
        ("Cannot connect to proxy.", "Cannot connect to proxy"),
        ("Read timed out. (read timeout=15)", "timed out"),
        ("something else", "no answer"),
    ],
)
def test_unreachable_index_is_told_with_its_reason(reason: str, told: str) -> None:
    sentence = explain([RETRYING.format(reason), NONE, MISSING], "dev.txt")
    assert sentence.startswith(f"The package index cannot be reached ({told}), and dev.txt is not installed. ")


def test_release_that_the_index_lacks_is_not_blamed_on_a_connection_that_came_back() -> None:
    sentence = explain([RETRYING.format("x"), OLDER, MISSING], "dev.txt")
    assert sentence.startswith("The package index has no file of six==1.17.0, which dev.txt names, for Python ")


def test_full_disk_is_told() -> None:
    output = ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"]
    assert explain(output, "run.txt").endswith("cannot be written: [Errno 28] No space left on device")


def test_anything_else_is_told_in_the_words_of_pip() -> None:
    assert explain(["Collecting six", "ERROR: Surprise"], "run.txt").endswith(
        "pip says:\nCollecting six\nERROR: Surprise"
    )
