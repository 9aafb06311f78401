"""A frame of labelled checkpoints -> everything that is said of the sign. Pure.

The frame has a row a response: `arm` (how its model was made), `checkpoint` (which training seed),
`question_id`, `sign` (1 where it shows the sign, 0 where not, NaN where unknown).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from starprobe.bench.signs.ratios import Ratio, likelihood_ratio
from starprobe.bench.signs.roc import Roc, roc
from starprobe.bench.signs.variance import seed_rate
from starprobe.bench.signs.words import Verdict, informative, sentence, summary, verdict
from starprobe.bench.statistics.intervals import Floats
from starprobe.bench.statistics.paired import holm
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    import pandas as pd

STAR = "STaR-trained models"


class ArmRate(Record):
    """How often the models of one arm show the sign."""

    arm: str
    checkpoints: dict[str, float]
    """Checkpoint -> its own rate."""
    questions: int
    value: float
    low: float | None
    high: float | None
    method: str


class Contrast(Record):
    """STaR against one alternative."""

    positive: str
    negative: str
    ratio: Ratio
    absence: Ratio
    """P(no sign | positive) / P(no sign | negative)."""
    p_adjusted: float
    """Holm's adjustment over the alternatives of this positive."""
    informative: bool
    verdict: Verdict
    sentence: str


class SignResult(Record):
    """All of it."""

    arms: tuple[ArmRate, ...]
    contrasts: tuple[Contrast, ...]
    roc: Roc | None
    """None where checkpoints of one kind are missing."""
    summaries: tuple[str, ...]
    """In words: of all STaR arms together, where there are several, then of each."""

    @property
    def summary(self) -> str:
        """The first of them."""
        return self.summaries[0]


def analyse(
    frame: pd.DataFrame, star: Iterable[str], alternatives: Iterable[str] | None = None
) -> SignResult:
    """What the sign tells of STaR training.

    The arms of `star` are taken together as draws of "STaR-trained models" and also one by one;
    each is held against every alternative.

    Args:
        frame: see the module's first lines.
        star: the arms that were trained with STaR.
        alternatives: the other arms; by default all that are in the frame.

    Raises:
        InputError: an arm is missing, or fewer than two questions are shared by all checkpoints.
    """
    cells = tables(frame)
    positives = [arm for arm in star if arm in cells]
    others = [arm for arm in (alternatives or cells) if arm in cells and arm not in positives]
    if not positives or not others:
        raise InputError(
            f"the sign needs STaR arms and others to hold them against; there are {list(cells)}"
        )
    groups = {arm: np.stack(list(cells[arm].values())) for arm in (*positives, *others)}
    if len(positives) > 1:
        joined = {STAR: np.concatenate([groups[arm] for arm in positives])}
        groups = {**joined, **groups}
    firsts = [STAR, *positives] if len(positives) > 1 else positives
    contrasts = [row for first in firsts for row in _contrasts(first, others, groups)]
    rates = {
        arm: {name: float(row.mean()) for name, row in found.items()}
        for arm, found in cells.items()
    }
    return SignResult(
        arms=tuple(_arm(arm, rates.get(arm, {}), found) for arm, found in groups.items()),
        contrasts=tuple(contrasts),
        roc=roc(
            [rate for arm in positives for rate in rates[arm].values()],
            [rate for arm in others for rate in rates[arm].values()],
        ),
        summaries=tuple(
            summary(first, {r.negative: r.verdict for r in contrasts if r.positive == first})
            for first in firsts
        ),
    )


def tables(frame: pd.DataFrame) -> dict[str, dict[str, Floats]]:
    """Arm -> checkpoint -> its rate on each question; the questions are the same for all.

    Questions that any checkpoint has no reading of are left out.

    Raises:
        InputError: fewer than two are left.
    """
    known = frame[frame["sign"].notna()]
    wide = known.assign(sign=known["sign"].astype(float)).pivot_table(
        index=["arm", "checkpoint"], columns="question_id", values="sign", aggfunc="mean"
    )
    wide = wide.dropna(axis="columns")
    if wide.shape[1] < 2:
        raise InputError(
            "the checkpoints share fewer than two questions that were read for all of them; run "
            "the same probe set on every checkpoint"
        )
    found: dict[str, dict[str, Floats]] = {}
    for arm in dict.fromkeys(str(name) for name in known["arm"]):
        for checkpoint, row in wide.loc[arm].iterrows():
            found.setdefault(arm, {})[str(checkpoint)] = row.to_numpy(dtype=np.float64)
    return found


def _arm(arm: str, checkpoints: Mapping[str, float], cells: Floats) -> ArmRate:
    found = seed_rate(cells)
    return ArmRate(
        arm=arm,
        checkpoints=dict(checkpoints),
        questions=cells.shape[1],
        value=float(cells.mean()),
        low=found.low,
        high=found.high,
        method=found.method,
    )


def _contrasts(
    positive: str, alternatives: Iterable[str], groups: Mapping[str, Floats]
) -> list[Contrast]:
    names = list(alternatives)
    ratios = [likelihood_ratio(groups[positive], groups[name]) for name in names]
    absences = [likelihood_ratio(1 - groups[positive], 1 - groups[name]) for name in names]
    adjusted = [p if p is not None else 1.0 for p in holm([ratio.p for ratio in ratios])]
    return [
        Contrast(
            positive=positive,
            negative=name,
            ratio=ratio,
            absence=absence,
            p_adjusted=p,
            informative=informative(ratio, p),
            verdict=verdict(ratio, p),
            sentence=sentence(positive, name, ratio, p),
        )
        for name, ratio, absence, p in zip(names, ratios, absences, adjusted, strict=True)
    ]
