"""What the Containerfile runs while it builds."""
