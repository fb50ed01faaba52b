"""The dispenser exporter against real Modbus servers."""
