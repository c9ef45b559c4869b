"""What a server begins with."""

from __future__ import annotations

import sys

import pytest

from realtime.remote_tools.client import McpTools
from realtime.server.state import new_state
from realtime.settings import RemoteToolSettings, Settings


def test_tools_of_mcp_servers_are_reached_where_their_package_is() -> None:
    assert isinstance(new_state(Settings()).remote_tools, McpTools)


def test_without_the_package_the_rest_of_the_server_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "realtime.remote_tools.client", None)
    assert new_state(Settings()).remote_tools is None


def test_an_operator_may_not_want_it() -> None:
    assert new_state(Settings(mcp=RemoteToolSettings(enabled=False))).remote_tools is None
