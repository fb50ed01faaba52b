"""The whole pipeline."""
