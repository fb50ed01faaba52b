"""The whole pipeline on one machine: campus, exporters, Prometheus, Alertmanager, bridge and chat."""
