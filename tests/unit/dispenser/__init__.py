"""The dispenser exporter's pure parts."""
