"""The DingTalk bridge and the stand-in, over HTTP and with a real Alertmanager."""
