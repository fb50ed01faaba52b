"""The DingTalk bridge, without sockets."""
