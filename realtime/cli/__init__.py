"""`realtime`, the command: serve, talk to a server, and use the engines without one."""

from realtime.cli.main import app

__all__ = ["app"]
