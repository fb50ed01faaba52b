"""What the bridge needs in Zabbix, made and kept: `tapwatch zabbix provision`."""
