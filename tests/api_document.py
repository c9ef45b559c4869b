"""What docs/realtime-api.md says about each event and field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.api_fields import OBJECTS, Place

DOCUMENT = (Path(__file__).parent.parent / "docs" / "realtime-api.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
OBJECT_SECTIONS = {section for section, _ in OBJECTS.values()} | {"Items"}
EVENT_SECTIONS = {"Client events", "Server events"}


class Row(NamedTuple):
    """What is said about one field or event."""

    verdict: str
    code: str | None = None


def rows(section: str) -> Iterator[list[str]]:
    """The cells of a section's tables."""
    for line in SECTIONS[section].splitlines():
        if line.startswith("| ") and not re.match(r"\| (event|field|beta|endpoint|code|of) ", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def written() -> Iterator[tuple[Place, Row]]:
    """Every row about a field or an event; an event's fields are rows of their own."""
    for section in OBJECT_SECTIONS:
        for field, verdict, _ in rows(section):
            (code,) = re.findall(r"`(\w+)`", verdict) or [None]
            yield (section, field.strip("`")), Row(verdict.split(" `")[0], code)
    for section in EVENT_SECTIONS:
        for event, fields, *_ in rows(section):
            name = event.strip("~`")
            yield (section, name), Row("never" if "~~" in event else "sent")
            for mark, field in re.findall(r"(\*|~~|)`([^`]+)`", fields):
                yield (f"{section} {name}", field), Row({"~~": "never", "*": "sometimes"}.get(mark, "sent"))


ROWS = dict(written())


def rows_of(*verdicts: str) -> list[Place]:
    """The places that have one of these verdicts."""
    return sorted(place for place, row in ROWS.items() if row.verdict in verdicts)
