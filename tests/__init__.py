"""The tests, by level: unit, contract, integration."""
