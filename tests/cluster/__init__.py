"""A highly available control plane, and what the exporter says of it while parts of it fail."""
