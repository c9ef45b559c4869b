"""What tests of the gRPC service ask for."""

from __future__ import annotations

from tests.engines.conftest import workshop as workshop
