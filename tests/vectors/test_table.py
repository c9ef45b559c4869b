"""Vectors in memory: replaced, removed, and found by what they resemble, exactly."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.errors import InvalidRequest
from realtime.vectors.table import SENT_BYTES, Table, Vectors, directions_of, names_of


def vectors(*rows: list[float]) -> Vectors:
    return np.array(rows, np.float32)


def filled(*rows: list[float]) -> Table:
    """A table whose values tell in which order its entries were set."""
    table = Table()
    table.set(names_of(vectors(*rows)), [str(index).encode() for index in range(len(rows))])
    return table


def test_what_was_set_is_there() -> None:
    table = filled([1, 2], [3, 4])
    found = table.get(names_of(vectors([3, 4], [5, 6], [1, 2], [3, 4])))
    assert found.keys.tolist() == [[3, 4], [1, 2], [3, 4]]
    assert found.values == (b"1", b"0", b"1")
    assert found.similarities is None
    assert (len(table), table.dimensions) == (2, 2)


def test_an_equal_key_replaces_its_entry() -> None:
    """Zero has two signs, and is one number; of two equal keys the last stays."""
    table = filled([0.0, 1], [2, 3])
    table.set(names_of(vectors([-0.0, 1], [4, 5], [4, 5])), [b"a", b"b", b"c"])
    assert len(table) == 3
    assert table.get(names_of(vectors([0, 1], [4, 5]))).values == (b"a", b"c")


def test_what_was_deleted_is_gone() -> None:
    """Whichever it is, and however often it is named."""
    rows = [[float(number), 1] for number in range(5)]
    for number in range(5):
        table = filled(*rows)
        assert table.delete(names_of(vectors(rows[number], [9, 9], rows[number]))) == 1
        left = [row for row in rows if row != rows[number]]
        assert table.get(names_of(vectors(*rows))).keys.tolist() == left
        for row in left:
            assert table.find(vectors(row), 1).keys.tolist() == [row]
    assert table.delete(names_of(vectors(*rows))) == 4
    assert (len(table), table.dimensions, table.size_bytes) == (0, None, 0)


def test_an_empty_table_takes_keys_of_another_length() -> None:
    table = filled([1, 2])
    table.delete(names_of(vectors([1, 2])))
    table.set(names_of(vectors([1, 2, 3])), [b"x"])
    assert table.dimensions == 3
    assert table.find(vectors([1, 2, 3]), 5).values == (b"x",)


def test_nothing_is_found_where_nothing_is() -> None:
    table = Table()
    assert table.get(names_of(vectors([1, 2]))).values == ()
    assert table.delete(names_of(vectors([1, 2]))) == 0
    table.set([], [])
    assert len(table) == 0


def test_the_most_similar_come_first() -> None:
    table = filled([0, 2], [3, 3], [5, 0], [-1, 0], [0, 0])
    found = table.find(vectors([10, 0]), 5)
    assert found.values == (b"2", b"1", b"0", b"4", b"3")
    assert found.similarities is not None
    assert found.similarities.tolist() == pytest.approx([1, 2**-0.5, 0, 0, -1])
    assert table.find(vectors([10, 0]), 2).values == (b"2", b"1")


def test_equally_similar_entries_stay_in_their_order() -> None:
    table = filled([1, 0], [0, 1], [2, 0], [3, 0], [0, 5])
    assert table.find(vectors([1, 0]), 2).values == (b"0", b"2")
    assert table.find(vectors([0, 1]), 9).values == (b"1", b"4", b"0", b"2", b"3")


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 1, 1e30, 1e38])
def test_length_does_not_matter(scale: float) -> None:
    table = filled([scale, 0], [scale, scale], [0, scale])
    found = table.find(vectors([scale, scale / 2]), 3)
    assert found.values == (b"1", b"0", b"2")
    assert found.similarities is not None
    assert found.similarities.tolist() == pytest.approx([0.9486833, 0.8944272, 0.4472136])


def test_many_are_searched_as_one_by_one() -> None:
    """While some of them come and go."""
    rng = np.random.default_rng(3)
    keys = rng.normal(size=(500, 24)).astype(np.float32)
    names = names_of(keys)
    table = Table()
    for start in range(0, 500, 70):
        table.set(names[start : start + 70], names[start : start + 70])
    table.delete(names[100:250:3])
    kept = np.array([index for index in range(500) if not (100 <= index < 250 and (index - 100) % 3 == 0)])
    for query in rng.normal(size=(20, 1, 24)).astype(np.float32):
        similarities = directions_of(keys[kept]) @ directions_of(query)[0]
        best = kept[np.argsort(-similarities)[:7]]
        found = table.find(query, 7)
        assert found.values == tuple(names[index] for index in best)
        assert np.array_equal(found.keys, keys[best])


def test_its_size_is_known() -> None:
    table = filled([1, 2], [3, 4])
    grown = table.growth_bytes(names_of(vectors([1, 2], [5, 6])), [b"four", b""])
    before = table.size_bytes
    table.set(names_of(vectors([1, 2], [5, 6])), [b"four", b""])
    assert table.size_bytes == before + grown
    assert table.size_bytes > 3 * 2 * 8 + 5


def test_more_than_may_be_had_is_refused() -> None:
    """By what is asked for: often the same, or all."""
    table = filled([1, 2], [3, 4])
    one_bytes = 8 + 1 + SENT_BYTES
    name = names_of(vectors([1, 2]))
    assert len(table.get(name * 3, 3 * one_bytes).values) == 3
    assert len(table.find(vectors([1, 2]), 9, 2 * one_bytes).values) == 2
    with pytest.raises(InvalidRequest, match=f"'Keys' asks for 3 entries of {3 * one_bytes} bytes") as refused:
        table.get(name * 3, 3 * one_bytes - 1)
    assert (refused.value.reason, refused.value.param) == ("out_of_range", "Keys")
    with pytest.raises(InvalidRequest, match="'TopK' asks for 2 entries"):
        table.find(vectors([1, 2]), 9, 2 * one_bytes - 1)
