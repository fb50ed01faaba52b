"""The compose file for one machine without Kubernetes."""
