"""Whether the finding hangs on how the sign is defined, on length, or on the reader. Pure.

Each check is every contrast again under one change: another threshold, one question set alone,
responses of like length, rates corrected for the reader's errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.metrics.lengths import matched_length
from starprobe.bench.signs.analysis import STAR, Contrast, analyse
from starprobe.bench.statistics.corrected import ReaderError, corrected_rate
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    import pandas as pd

OTHER_THRESHOLD = 0.75
"""Coverage that counts as the sign in the check: four of five options, three of four."""


class Variant(Record):
    """All contrasts under another definition or on part of the questions."""

    name: str
    contrasts: tuple[Contrast, ...]


class Matched(Record):
    """STaR against one alternative among responses of like length."""

    positive: str
    negative: str
    positive_rate: float | None
    negative_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    """Bootstrap over questions; training seeds are taken as given."""
    responses: int
    """Inside the bins of length that both fill; 0: there is no such bin."""


class Corrected(Record):
    """An arm's rate corrected for the reader's own errors, over questions only."""

    arm: str
    observed: float
    value: float | None
    low: float | None
    high: float | None


def variant(
    name: str, frame: pd.DataFrame, star: Sequence[str], alternatives: Sequence[str]
) -> Variant | None:
    """The contrasts on this labelled frame; None where it has too little to compare."""
    try:
        return Variant(name=name, contrasts=analyse(frame, star, alternatives).contrasts)
    except InputError:
        return None


def at_matched_length(
    arms: Mapping[str, pd.DataFrame], star: Sequence[str], alternatives: Sequence[str]
) -> Iterator[Matched]:
    """STaR against each alternative in the bins of length that both fill.

    Args:
        arms: arm -> its rows of a metrics frame, spontaneous ones only.
        star: taken together, where there are several, and one by one.
        alternatives: one by one.
    """
    import pandas as pd

    groups = {arm: arms[arm] for arm in star}
    if len(star) > 1:
        groups = {STAR: pd.concat(list(groups.values())), **groups}
    for positive, own in groups.items():
        for name in alternatives:
            found = matched_length({name: arms[name], positive: own})
            yield Matched(
                positive=positive,
                negative=name,
                positive_rate=found.rates[positive].value,
                negative_rate=found.rates[name].value,
                difference=found.difference.value,
                low=found.difference.low,
                high=found.difference.high,
                p=found.p,
                responses=found.matched,
            )


def corrected(arms: Mapping[str, pd.DataFrame], error: ReaderError) -> Iterator[Corrected]:
    """Each arm's rate without the reader's errors, were they the same for all arms."""
    for arm, rows in arms.items():
        full = numbers(rows, "full")
        found = corrected_rate(full, rows["question_id"].to_numpy(), error)
        yield Corrected(
            arm=arm,
            observed=float(full[~(full != full)].mean()),
            value=found.value,
            low=found.low,
            high=found.high,
        )
