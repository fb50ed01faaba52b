"""The shared web server and command line, as processes."""
