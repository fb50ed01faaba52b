"""What is said while the locked dependencies are installed."""
