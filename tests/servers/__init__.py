"""How each real server that the tests and the benchmarks run is had and started."""
