"""A rate corrected for the reader's own errors, from how it read texts that people have labelled.

Rogan & Gladen 1978, Am. J. Epidemiol. 107:71; the interval carries the uncertainty of the reader's
sensitivity and specificity too: Lang & Reiczigel 2014, Prev. Vet. Med. 113:13.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starprobe.bench.statistics.intervals import (
    LEVEL,
    NOTHING,
    Estimate,
    Floats,
    effective_size,
    sums_by_cluster,
)
from starprobe.probes.schema import Record


class ReaderError(Record):
    """How a reader did on labelled texts, for one yes/no reading of them."""

    true_positives: int
    positives: int
    """Texts that people labelled yes."""
    true_negatives: int
    negatives: int

    @property
    def sensitivity(self) -> float:
        """Share of the labelled positives that the reader finds."""
        return self.true_positives / self.positives

    @property
    def specificity(self) -> float:
        """Share of the labelled negatives that the reader leaves."""
        return self.true_negatives / self.negatives


def rogan_gladen(rate: float, sensitivity: float, specificity: float) -> float:
    """The true rate behind an observed one, not clipped to [0, 1], so that it is unbiased.

    Raises:
        ValueError: the reader does no better than chance.
    """
    youden = sensitivity + specificity - 1
    if youden <= 0:
        raise ValueError(
            f"a reader with sensitivity {sensitivity:.3f} and specificity {specificity:.3f} tells "
            f"nothing: their sum must exceed 1"
        )
    return (rate + specificity - 1) / youden


def corrected_rate(
    values: Floats, clusters: NDArray[Any], error: ReaderError, level: float = LEVEL
) -> Estimate:
    """The corrected share of zeros and ones over clusters, with Lang and Reiczigel's interval.

    The value is clipped to [0, 1]. For clustered answers the number of answers is replaced by
    their effective number.
    """
    sums = sums_by_cluster(values, clusters)
    questions = len(sums.size)
    if not questions or not error.positives or not error.negatives:
        return NOTHING
    if error.sensitivity + error.specificity <= 1:
        return NOTHING._replace(method="the reader does no better than chance")
    size = float(questions) if sums.size.max() == 1 else effective_size(sums)
    low, high = lang_reiczigel(sums.mean, size, error, level)
    value = rogan_gladen(sums.mean, error.sensitivity, error.specificity)
    return Estimate(
        min(1.0, max(0.0, value)), low, high, questions, "Rogan-Gladen, Lang-Reiczigel interval"
    )


def lang_reiczigel(
    rate: float, size: float, error: ReaderError, level: float = LEVEL
) -> tuple[float, float]:
    """Limits of the true rate behind an observed one of `size` answers."""
    from scipy import stats

    z = float(stats.norm.ppf((1 + level) / 2))
    n = size + z**2
    p = (size * rate + z**2 / 2) / n
    found, left = error.positives + 2, error.negatives + 2
    se, sp = (error.true_positives + 1) / found, (error.true_negatives + 1) / left
    youden = se + sp - 1
    centre = (p + sp - 1) / youden
    of_se, of_sp = se * (1 - se) / found, sp * (1 - sp) / left
    shift = 2 * z**2 * (centre * of_se - (1 - centre) * of_sp)
    spread = sqrt(p * (1 - p) / n + centre**2 * of_se + (1 - centre) ** 2 * of_sp) / youden
    limits = np.clip([centre + shift - z * spread, centre + shift + z * spread], 0, 1)
    return float(limits[0]), float(limits[1])
