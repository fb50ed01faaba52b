"""A whole Kubernetes cluster on this machine: masters, workers, operators, and Tapwatch on it."""
