"""How much work the randomised tests do: enough to find a fault in seconds; raised by hand for a long run.

REALTIME_TEST_EFFORT=50 pytest tests/protocol
"""

from __future__ import annotations

import os

from hypothesis import settings

EFFORT = int(os.environ.get("REALTIME_TEST_EFFORT", "1"))
WALKS = 200 * EFFORT

examples = settings(max_examples=100 * EFFORT, derandomize=EFFORT == 1, deadline=None, database=None)
"""For hypothesis: the same examples in every run, unless more than usual are asked for."""
