"""Dashboards: what Grafana loads, and what every panel owes to its readers."""
