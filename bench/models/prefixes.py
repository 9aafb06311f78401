"""Which rows begin alike: what they share (worked examples, a question asked often) is run once.

Token ids only; knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

SHARED_AT_LEAST = 48
"""Tokens from which a common prefix is worth a run of its own."""


class Group(NamedTuple):
    """Rows with what they all begin with, perhaps nothing."""

    prefix: list[int]
    indices: list[int]


def common_prefix(rows: Sequence[list[int]]) -> list[int]:
    """The tokens that all rows begin with, at least one short of the shortest row."""
    first, last = min(rows), max(rows)
    limit = min(len(row) for row in rows) - 1
    pairs = zip(first[: max(0, limit)], last, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return first[:shared]


def grouped(rows: Sequence[list[int]]) -> list[Group]:
    """The rows parted so that the fewest tokens are run; each row is in one group."""
    return _cheapest(rows, list(range(len(rows))))[0] if rows else []


def _cheapest(rows: Sequence[list[int]], indices: list[int]) -> tuple[list[Group], int]:
    """(groups, tokens run for them): all in one, or parted by what comes after the prefix."""
    whole, cost = _one(rows, indices)
    shared = len(common_prefix([rows[index] for index in indices]))
    heads: dict[tuple[int, ...], list[int]] = {}
    for index in indices:
        heads.setdefault(tuple(rows[index][: shared + SHARED_AT_LEAST]), []).append(index)
    if len(heads) == 1:
        return [whole], cost
    parts: list[Group] = []
    total = 0
    for head in heads.values():
        if len(head) > 1:
            found, tokens = _cheapest(rows, head)
            parts, total = parts + found, total + tokens
    rest = [head[0] for head in heads.values() if len(head) == 1]
    if rest:
        found_rest, tokens = _one(rows, rest)
        parts, total = [*parts, found_rest], total + tokens
    return (parts, total) if total < cost else ([whole], cost)


def _one(rows: Sequence[list[int]], indices: list[int]) -> tuple[Group, int]:
    """(one group of these rows, tokens run for it); equal rows are run once."""
    prefix = common_prefix([rows[index] for index in indices])
    if len(prefix) < SHARED_AT_LEAST or len(indices) == 1:
        prefix = []
    unique = {tuple(rows[index]) for index in indices}
    return Group(prefix, indices), len(prefix) + sum(len(row) - len(prefix) for row in unique)
