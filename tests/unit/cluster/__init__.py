"""The cluster exporter's pure parts."""
