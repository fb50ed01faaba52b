"""The simulated campus over Modbus and HTTP."""
