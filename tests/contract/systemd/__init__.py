"""The units for one machine without Kubernetes, as systemd itself judges them."""
