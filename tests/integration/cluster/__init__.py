"""The cluster exporter against API servers, real, simulated and broken."""
