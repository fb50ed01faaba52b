"""The bridge from Alertmanager to DingTalk."""
