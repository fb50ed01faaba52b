"""Random input, more of it than a test suite has time for: `python -m tests.fuzz --help`."""
