"""Progress, from the lines that pip 23.0.1 and pip 26.3 print."""

from requirements.progress import Progress

LOCK = (
    "numpy==1.0 ; python_version < '3' \\\n    --hash=sha256:0\nnumpy==2.0 \\\n    --hash=sha256:1\nsix[x]==1.17.0 \\\n"
)


def test_packages_and_bytes_are_counted_while_pip_fetches() -> None:
    progress = Progress.of("dev.txt", LOCK)
    progress.read("Ignoring numpy: markers 'python_version < \"3\"' don't match your environment\n")
    progress.read("Collecting numpy==2.0\n")
    progress.read("  Downloading numpy-2.0-cp311-cp311-manylinux_2_28_x86_64.whl (16.7 MB)\n")
    assert progress.line(0) == "dev.txt: 1 of 2 packages, 16.7 MB fetched, now numpy 2.0 (16.7 MB)"
    progress.read("Collecting six[x]==1.17.0 (from -r requirements/dev.txt (line 1))\n")
    assert progress.line(0) == "dev.txt: 2 of 2 packages, 16.7 MB fetched, now six 1.17.0"
    progress.read("  Downloading six-1.17.0-py2.py3-none-any.whl (300 kB)\n")
    assert progress.line(0) == "dev.txt: 2 of 2 packages, 17.0 MB fetched, now six 1.17.0 (300 kB)"


def test_packages_are_counted_while_pip_writes_them() -> None:
    progress = Progress.of("dev.txt", LOCK)
    progress.read("Requirement already satisfied: numpy==2.0 in ./lib (2.0)\n")
    progress.read("Collecting six==1.17.0\n")
    progress.read("Installing collected packages: six, mdurl, yarl\n")
    assert progress.line(2) == "dev.txt: 2 of 3 packages written"


def test_silent_index_is_told() -> None:
    progress = Progress.of("dev.txt", LOCK)
    for total in (4, 3):
        progress.read(f"WARNING: Retrying (Retry(total={total}, connect=None)) after connection broken by 'x'\n")
    assert progress.line(0).endswith("now asking the index (it does not answer; trying again)")
