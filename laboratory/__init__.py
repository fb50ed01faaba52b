"""The laboratory: real servers, a real highly available cluster, and the experiments on it.

Equipment that tests, benchmarks and make targets stand on; README.md tells what there is and how each is started.
"""
