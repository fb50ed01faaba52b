"""The shipped routes in a real Alertmanager."""
