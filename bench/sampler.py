"""Runs a `tapwatch` command, and samples where its CPU time goes: `python -m bench.sampler FILE COMMAND ...`.

The operating system interrupts the process after every few milliseconds of CPU time, waiting not counted, and the
Python stack of that moment is noted. Unlike with cProfile nothing is slowed down, so that small functions do not look
expensive; what a C function takes counts for the Python function that called it.
"""

import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType

from rich.table import Table

from tapwatch.cli import main

_SAMPLE_SECONDS = 0.002
_LARGEST_TABLE = 25
_GENERATED = "<string>"
_NAMED_PARTS = 3
"""Of a file's path, so that modules of the same name are told apart."""
_SERVING = "Runner.run"
"""asyncio's; what is outside of it is the start, which imports a hundred modules."""

Stack = tuple[CodeType, ...]


def run(file: Path, arguments: list[str]) -> None:
    """Run the command to its end; the file gets one line for each stack: functions joined by `;`, then a count.

    speedscope and flamegraph.pl read it.
    """
    stacks: Counter[Stack] = Counter()

    def note(_signal: int, frame: FrameType | None) -> None:
        stack = tuple(_walk(frame))
        if any(code.co_qualname == _SERVING for code in stack):
            stacks[stack] += 1

    signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, _SAMPLE_SECONDS, _SAMPLE_SECONDS)
    try:
        main(arguments, prog_name="tapwatch")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = (f"{';'.join(map(_name, reversed(stack)))} {count}\n" for stack, count in stacks.most_common())
        file.write_text("".join(lines), encoding="utf-8")


def _walk(frame: FrameType | None) -> Iterator[CodeType]:
    """Innermost first."""
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _name(code: CodeType) -> str:
    path = Path(code.co_filename).with_suffix("")
    return f"{'.'.join(path.parts[-_NAMED_PARTS:])}:{code.co_qualname}".replace(" ", "_")


def profile_table(file: Path, title: str) -> Table:
    """The functions that took the most time themselves."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        functions = stack.split(";")
        own[_called(functions)] += int(count)
        below.update(dict.fromkeys(functions, int(count)))
    total = max(own.total(), 1)
    table = Table("function", "itself", "with all it calls", title=title, title_justify="left", box=None)
    for name, samples in own.most_common(_LARGEST_TABLE):
        table.add_row(name, f"{samples / total:.1%}", f"{max(samples, below[name]) / total:.1%}")
    return table


def _called(functions: Sequence[str]) -> str:
    """The innermost function; with its caller when it was generated, as a dataclass' `__init__` or `__hash__` is."""
    last = functions[-1]
    return f"{functions[-2]} > {last.rpartition('.')[2]}" if last.startswith(_GENERATED) else last


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
