"""Identifiers: hard to guess in service, easy to predict in tests."""

from __future__ import annotations

import re

from realtime.ids import counting_ids, random_id


def test_a_random_id_says_what_it_is() -> None:
    assert re.fullmatch(r"item_[A-Za-z0-9]{21}", random_id("item"))


def test_random_ids_use_the_whole_alphabet_and_do_not_repeat() -> None:
    ids = {random_id("x") for _ in range(1000)}
    assert len(ids) == 1000
    assert len({letter for id_ in ids for letter in id_.removeprefix("x_")}) == 62


def test_counting_ids_count_each_prefix_by_itself() -> None:
    new_id = counting_ids()
    assert [new_id("item"), new_id("resp"), new_id("item")] == ["item_1", "resp_1", "item_2"]


def test_two_counters_do_not_disturb_each_other() -> None:
    first, second = counting_ids(), counting_ids()
    assert [first("item"), second("item"), first("item")] == ["item_1", "item_1", "item_2"]
