"""The DingTalk bridge's settings and the messages that people rely on."""
