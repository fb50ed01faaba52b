"""The parts of the benchmark, each a command of its own that prints its tables."""
