"""What users rely on: names, formats, messages."""
