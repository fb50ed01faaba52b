"""A bounded soak test: the exporter beside gateways that restart, forget connections, hang and lose units."""
