"""The dispenser exporter's formats and messages."""
