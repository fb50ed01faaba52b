"""The simulated campus: dispensers with believable physics behind real Modbus servers on loopback."""
