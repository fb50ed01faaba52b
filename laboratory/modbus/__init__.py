"""Modbus servers that are not ours, or that misbehave as devices in the field do."""
