"""`python -m tapwatch` is the `tapwatch` command."""

from tapwatch.cli import main

main(prog_name="tapwatch")
