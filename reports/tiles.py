"""The tiles on the first screen of a comparison: one change each, how large and how sure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from starprobe.bench.metrics.definitions import BY_NAME
from starprobe.bench.metrics.measure import estimate
from starprobe.bench.records import Comparison
from starprobe.bench.statistics.intervals import Estimate
from starprobe.reports import sentences
from starprobe.reports.tables import signed

if TYPE_CHECKING:
    import pandas as pd

TILES = {
    "full_breakdown": "Reasons about every option",
    "accuracy": "Right answers",
    "coverage": "Options reasoned about",
}
ALL = "all"
"""All question sets together."""


class Mark(NamedTuple):
    """A point with its interval in the drawing of a tile, in units of that drawing."""

    name: str
    x: float
    low: float | None
    high: float | None
    y: int


class Tile(NamedTuple):
    """One change on the first screen."""

    title: str
    change: str
    interval: str
    says: str
    test: str
    marks: list[Mark]


def tiles(
    compared: Sequence[tuple[str, Comparison]],
    condition: str,
    first: pd.DataFrame,
    second: pd.DataFrame,
) -> Iterator[Tile]:
    """Breakdowns over all questions, accuracy for each set apart, coverage over all."""
    several = len({name for name, _ in compared}) > 1
    for metric in TILES:
        for name, c in compared:
            if c.metric != metric or c.condition != condition or c.difference is None:
                continue
            if several and (metric == "accuracy") == (name == ALL):
                continue
            sides = ((first, c.model_before), (second, c.model_after))
            own = [_part(rows, model, condition, name) for rows, model in sides]
            made = tile(c, *(estimate(BY_NAME[metric], rows) for rows in own))
            yield made if name == ALL else made._replace(title=f"{made.title}: {name}")


def _part(rows: pd.DataFrame, model: str, condition: str, name: str) -> pd.DataFrame:
    kept = rows[(rows["condition"] == condition) & (rows["model"] == model)]
    return kept if name == ALL else kept[kept["probes"] == name]


def tile(c: Comparison, before: Estimate, after: Estimate) -> Tile:
    """One change: how large, how sure, and from where to where."""
    assert c.difference is not None
    interval = ""
    if c.low is not None and c.high is not None:
        low, high = (signed(c.metric, value).removesuffix(" points") for value in (c.low, c.high))
        interval = f"({low} to {high})"
    moved = ""
    if c.after_only is not None:
        moved = f"; {c.after_only} gained, {c.before_only} lost"
    says = (
        f"from {sentences.with_interval(before)} to {sentences.with_interval(after)} "
        f"of {'options' if c.kind == 'mean' else f'{c.condition} questions'}"
    )
    return Tile(
        TILES[c.metric],
        signed(c.metric, c.difference),
        interval,
        says,
        f"{c.test}, {sentences.p_value(c.p)}, {c.n} questions{moved}",
        [_mark("was", before, 18), _mark("is", after, 30)],
    )


def _mark(name: str, found: Estimate, y: int) -> Mark:
    def at(value: float | None) -> float | None:
        return None if value is None else round(6 + 288 * value, 1)

    return Mark(name, at(found.value) or 6, at(found.low), at(found.high), y)
