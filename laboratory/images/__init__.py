"""Images that the cluster runs, and containers started from an image."""
