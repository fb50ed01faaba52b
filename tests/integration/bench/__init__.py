"""The benchmarks, on fleets that are small enough for every test run."""
