"""Names, formats and messages of what every process shares."""
