"""The locks: in step with the project, and installed as they are on any later day."""
