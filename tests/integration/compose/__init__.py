"""What Docker Compose runs, beside the demo."""
