"""The demo's own pages: how everything stands, buttons that break things, and the documentation that alerts link to."""
