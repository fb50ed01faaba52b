"""The cluster exporter: control planes probed from outside."""
