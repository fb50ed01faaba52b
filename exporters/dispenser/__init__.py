"""The dispenser exporter: register maps, read plans, Modbus, and the probes that Prometheus asks for."""
