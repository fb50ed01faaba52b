"""The shipped rules in a real Prometheus."""
