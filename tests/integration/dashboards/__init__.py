"""Dashboards: their queries on a real Prometheus with history, and their way into Grafana."""
