"""The arms' rates and their ratios as people's labels have them, beside those that were read.

A reader that errs otherwise on one arm than on another makes a ratio or hides it. Where every
checkpoint of an arm has labels of its own (`starprobe annotate`), the arm's rate is put right by
the errors that they show, whatever those are; where one has none, nothing is said of the arm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import hypot, sqrt
from typing import TYPE_CHECKING

import numpy as np

from starprobe.bench.annotations.checked import labels_of, side
from starprobe.bench.metrics.contrasts import spontaneous
from starprobe.bench.metrics.definitions import BY_NAME, PRIMARY
from starprobe.bench.statistics.intervals import wilson
from starprobe.bench.statistics.labelled import Side, errors
from starprobe.bench.statistics.seeds import ArmRate
from starprobe.probes.schema import Record
from starprobe.reports.sign.arms import Gathered, Labelled, rows_of

if TYPE_CHECKING:
    from starprobe.bench.annotations.checked import Labels

Sides = Mapping[str, Sequence[Side]]
"""Arm -> a side for each of its checkpoints."""


class CheckedRate(Record):
    """How often the models of an arm show the sign, as read and as the labels have it."""

    arm: str
    read: float
    value: float
    low: float
    high: float
    labels: int
    same: float
    """Share of the labelled responses on which reader and labels agree."""


class CheckedRatio(Record):
    """The likelihood ratio of the sign by the checked rates of two arms."""

    positive: str
    negative: str
    value: float | None
    """None where the second rate is 0."""
    low: float
    high: float | None
    """None where nothing bounds it from above."""


def labelled_sides(gathered: Gathered) -> dict[str, list[Side]]:
    """The labelled responses of each arm all of whose checkpoints have labels."""
    runs = gathered.evidence.runs
    known: dict[int, Labels | None] = {}
    found: dict[str, list[Side | None]] = {}
    for one in (*gathered.labels, *gathered.under):
        if one.elicited:
            continue
        if one.run not in known:
            known[one.run] = labels_of(runs[one.run])
        found.setdefault(_arm(one, gathered), []).append(_side(gathered, one, known[one.run]))
    whole = {arm: [part for part in parts if part is not None] for arm, parts in found.items()}
    return {arm: parts for arm, parts in whole.items() if len(parts) == len(found[arm])}


def _arm(one: Labelled, gathered: Gathered) -> str:
    return one.model if one in gathered.under else one.arm


def _side(gathered: Gathered, one: Labelled, labels: Labels | None) -> Side | None:
    if labels is None:
        return None
    rows = rows_of(gathered.evidence, one)
    rows = rows[[spontaneous(str(name)) for name in rows["condition"]]]
    made = side(rows, BY_NAME[PRIMARY], labels)
    return made if any(len(part.labels) for part in made.strata) else None


def checked_rates(rates: Sequence[ArmRate], sides: Sides) -> Iterator[CheckedRate]:
    """The rates of the arms that are labelled.

    Limits are those of seeds and questions and those of the labels, squared and added (Zou & Donner
    2008); the former no closer than for as many questions at the checked rate.
    """
    for rate in rates:
        parts = sides.get(rate.arm)
        if not parts or rate.low is None or rate.high is None:
            continue
        limits = [errors(part.strata) for part in parts]
        value = min(1.0, max(0.0, rate.value + float(np.mean([one.value for one in limits]))))
        below, above = (
            sqrt(sum(end**2 for end in ends)) / len(parts)
            for ends in zip(*((one.below, one.above) for one in limits), strict=True)
        )
        low, high = wilson(value * rate.questions, rate.questions)
        below = hypot(below, max(rate.value - rate.low, value - low))
        above = hypot(above, max(rate.high - rate.value, high - value))
        strata = [stratum for part in parts for stratum in part.strata]
        agree = np.concatenate([one.read == one.labels for one in strata])
        yield CheckedRate(
            arm=rate.arm,
            read=rate.value,
            value=value,
            low=max(0.0, value - below),
            high=min(1.0, value + above),
            labels=len(agree),
            same=float(agree.mean()),
        )


def checked_ratio(first: CheckedRate, second: CheckedRate) -> CheckedRatio:
    """P(sign | first) / P(sign | second), with limits from those of the two rates.

    The limits are those of Donner & Zou 2012 (Stat. Methods Med. Res. 21:347, section 3) for
    independent rates: a little wide where both arms find the same questions hard.
    """
    p, q = first, second
    product = p.value * q.value
    low = high = None
    down = p.low * q.high * (2 * p.value - p.low) * (2 * q.value - q.high)
    if q.high > 0 and abs(2 * q.value - q.high) > 1e-12:
        low = (product - sqrt(max(0.0, product**2 - down))) / (q.high * (2 * q.value - q.high))
    if q.low > 0:
        up = p.high * q.low * (2 * p.value - p.high) * (2 * q.value - q.low)
        high = (product + sqrt(max(0.0, product**2 - up))) / (q.low * (2 * q.value - q.low))
    return CheckedRatio(
        positive=p.arm,
        negative=q.arm,
        value=p.value / q.value if q.value > 0 else None,
        low=max(0.0, low if low is not None else p.low / max(q.high, 1e-12)),
        high=high,
    )


def said(rates: Sequence[CheckedRate], arms: int, folders: Sequence[str]) -> tuple[str, str]:
    """(CHECKED or NOT CHECKED, a sentence): whose rates rest on labels."""
    labels = sum(one.labels for one in rates)
    if not rates:
        return (
            "NOT CHECKED",
            "Every rate is as read, and no arm has labels in all of its runs: a reader that errs "
            "otherwise on one arm than on another makes a ratio, or hides it. To check it, in each "
            f"run: starprobe annotate {folders[0]} --n 30",
        )
    listed = ", ".join(
        f"{one.arm} {100 * one.value:.0f} % ({100 * one.low:.0f} to {100 * one.high:.0f}; as read "
        f"{100 * one.read:.0f})"
        for one in rates
    )
    return "CHECKED", f"{len(rates)} of {arms} arms, by {labels} labels: {listed}."
