"""A strict stand-in for DingTalk's cloud: what it takes, DingTalk takes."""
