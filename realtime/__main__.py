"""`python -m realtime` is `realtime`."""

from realtime.cli import app

app()
