"""What every Tapwatch process shares: metric catalogue, settings, errors, logs, web server, command line."""

from importlib.metadata import version

__version__ = version("tapwatch")
