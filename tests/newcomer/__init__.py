"""What a stranger does first, on a machine that has only what README.md names."""
