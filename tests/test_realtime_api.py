"""docs/realtime-api.md names every event, field and code that there is, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.api_document import EVENT_SECTIONS, ROWS, rows, rows_of, written
from tests.api_fields import BETA, ITEM_KINDS, LIBRARY, OURS, Place

# --- GA ----------------------------------------------------------------------------------------------------------


def test_every_event_and_field_is_accounted_for_and_none_is_made_up() -> None:
    """Of the library's, read and written, and of our own structs."""
    assert sorted((LIBRARY | OURS) - set(ROWS)) == []
    assert sorted(set(ROWS) - LIBRARY - OURS) == []


def test_nothing_is_told_twice() -> None:
    """Where two rows might say two things."""
    places_written = [place for place, _ in written()]
    assert len(places_written) == len(set(places_written))


def test_the_verdicts_are_what_the_structs_say() -> None:
    """What is never sent or not known we have no word for; what is ours the library has none for."""
    assert {row.verdict for row in ROWS.values()} == {
        *("honoured", "ours", "no effect", "refused", "shown", "sent", "sometimes", "never")
    }
    assert sorted(place for place in rows_of("never") if place in OURS) == []
    assert (
        sorted(place for place in rows_of("refused") if (place in OURS) != (ROWS[place].code == "unsupported_value"))
        == []
    )
    assert sorted(place for place in rows_of("ours") if place in LIBRARY) == []
    accounted = {place for place in ROWS if ROWS[place].verdict not in ("never", "refused")}
    assert sorted(accounted - OURS) == []


# --- the beta ----------------------------------------------------------------------------------------------------

_BETA_SECTIONS = {"session": ("The session",), "response": ("What a response is asked for", "What a response is")}


def test_the_beta_is_accounted_for_by_its_table_and_by_what_is_said_of_ga() -> None:
    """Every event, every field."""
    words = {beta.strip("`"): ga.strip("`–") for beta, ga, _ in rows("The beta dialect")}
    lost = [(event, path) for event, path in sorted(BETA) if path not in ("type", "event_id")]
    lost = [(event, path) for event, path in lost if not any(place in ROWS for place in in_ga(words, event, path))]
    assert [(event, path) for event, path in lost if not _has_no_word(words, path)] == []
    known = {event for event, _ in BETA} | {f"{path}" for _, path in BETA} | {"item.content[].id"}
    assert sorted(set(words) - known) == []
    assert sorted(ga for ga in words.values() if ga and not any(ga == path for _, path in ROWS)) == []


def in_ga(words: dict[str, str], event: str, path: str) -> Iterator[Place]:
    """Where the document may have told of a field of the beta's."""
    if found := re.search(r"(?:^item|response\.input\[\]|response\.output\[\])\.(.*)", path):
        yield from (("Items", f"{kind}.{found[1]}") for kind in ITEM_KINDS | {"item_reference"})
    if found := re.search(r"tools\[\]\.(.*)", path):
        yield "Tools", f"function.{found[1]}"
    beta = max((word for word in words if path == word or path.startswith(f"{word}.")), key=len, default="")
    ga = words[beta] + path.removeprefix(beta) if beta else path
    for section in _BETA_SECTIONS.get(path.split(".")[0], ()):
        yield section, ga
    for base in EVENT_SECTIONS:
        yield f"{base} {words.get(event, event)}", path


def _has_no_word(words: dict[str, str], path: str) -> bool:
    item = re.sub(r"^response\.(input|output)\[\]", "item", path)
    return any(not ga and (item == beta or item.startswith(f"{beta}.")) for beta, ga in words.items())


# --- errors ------------------------------------------------------------------------------------------------------


def test_every_code_that_the_server_uses_is_in_a_table_and_no_other() -> None:
    """As the source has them."""
    package = Path(__file__).parent.parent / "realtime"
    files: Iterable[Path] = [
        path for room in ("protocol", "server", "conductor") for path in (package / room).rglob("*.py")
    ]
    source = "\n".join(path.read_text(encoding="utf-8") for path in [*files, package / "errors.py"])
    used = set(re.findall(r"\bcode(?:: ClassVar\[str\])? ?= ?\"(\w+)\"", source))
    used |= set(re.findall(r"error_response\(\d+, \"(\w+)\"", source)) | set(re.findall(r"\), \"(\w+)\"\),", source))
    told = {cells[0].strip("`") for cells in rows("Errors")}
    only_grpc = {"permission_denied", "not_implemented", "model_not_loaded"}
    never_told = {"bad_configuration", "model_unavailable", "unknown_engine", "invalid_request", "no_room"}
    assert used - told == never_told | only_grpc
    assert told - used == set()
