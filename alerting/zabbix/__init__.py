"""Alertmanager and Zabbix in step: alerts are problems, problems are alerts, acknowledged here is silenced there."""
