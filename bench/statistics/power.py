"""How many questions a run needs, worked out before it: by power, or by the width of an interval.

For the tests that `bench.metrics.compare` makes: before and after on the same questions, exact
McNemar, Holm over the family. Pure.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np

from starprobe.bench.statistics.intervals import LEVEL, Floats, wilson
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record

MOST = 50_000
"""Where the search gives up."""
_STRETCH = 12


class Design(Record):
    """What is expected and what is wanted."""

    before: float
    """Expected share before, 0 to 1."""
    after: float
    """Expected share after."""
    correlation: float = 0.0
    """Between before and after on the same question (phi); 0 is the cautious guess."""
    power: float = 0.8
    alpha: float = 0.05
    family: int = 1
    """Tests made together: the first of Holm's steps is taken, which asks for the most."""
    answers: int = 1
    """Responses a question: orders times repeats."""
    clustering: float = 0.5
    """Correlation of the responses to one question; 1: more of them add nothing."""


class Plan(Record):
    """How many questions that takes."""

    questions: int
    responses: int
    """In each of the two runs."""
    power: float
    """Reached with that many questions."""
    discordant: float
    """Expected share of questions that change."""
    design_effect: float
    """How much the clustering of responses costs: responses over effective responses."""


def plan(design: Design) -> Plan:
    """The fewest questions from which on the exact McNemar test reaches the power.

    Power is exact: the binomial mixture over numbers of discordant pairs (Duffy 1984, Biometrics
    40:1005). Several responses a question count as 1 + (m - 1) * clustering says (Kish 1965,
    section 5.4).

    Raises:
        InputError: impossible shares, no difference, or more than `MOST` questions.
    """
    gained, lost = discordant_shares(design.before, design.after, design.correlation)
    if not 0 < design.alpha < design.power < 1 or design.family < 1 or design.answers < 1:
        raise InputError(
            f"power {design.power} must lie between alpha {design.alpha} and 1, and family and "
            f"answers must be at least 1"
        )
    if gained == lost:
        raise InputError(f"before and after are both {design.before}: there is nothing to find")
    alpha = design.alpha / design.family
    pairs = _fewest(gained, lost, alpha, design.power)
    effect = 1 + (design.answers - 1) * design.clustering
    questions = ceil(pairs * effect / design.answers)
    effective = max(pairs, int(questions * design.answers / effect))
    return Plan(
        questions=questions,
        responses=questions * design.answers,
        power=float(mcnemar_power(effective, gained, lost, alpha)),
        discordant=gained + lost,
        design_effect=effect,
    )


def discordant_shares(before: float, after: float, correlation: float) -> tuple[float, float]:
    """Shares of questions that are gained and lost.

    Raises:
        InputError: no two shares can have that correlation.
    """
    if not (0 <= before <= 1 and 0 <= after <= 1):
        raise InputError(f"shares lie between 0 and 1, not {before} and {after}")
    covariance = correlation * sqrt(before * (1 - before) * after * (1 - after))
    both = before * after + covariance
    if both > min(before, after) + 1e-12 or both < max(0.0, before + after - 1) - 1e-12:
        raise InputError(
            f"shares of {before} and {after} cannot have a correlation of {correlation}; give one "
            f"nearer to 0"
        )
    return max(0.0, after - both), max(0.0, before - both)


def mcnemar_power(pairs: int, gained: float, lost: float, alpha: float) -> float:
    """The exact chance that the exact two-sided McNemar test gives p <= alpha."""
    from scipy import stats

    discordant = np.arange(pairs + 1)
    weights = stats.binom.pmf(discordant, pairs, gained + lost)
    return float(weights @ _rejects(discordant, gained / (gained + lost), alpha))


def _rejects(discordant: np.ndarray, share: float, alpha: float) -> Floats:
    """The chance to reject, for each number of discordant pairs."""
    from scipy import stats

    # The largest k whose two-sided p is at most alpha; -1 where even k = 0 has a larger one.
    first = np.asarray(stats.binom.ppf(alpha / 2, discordant, 0.5), dtype=np.float64)
    critical = first - (stats.binom.cdf(first, discordant, 0.5) > alpha / 2)
    low = stats.binom.cdf(critical, discordant, share)
    high = stats.binom.sf(discordant - critical - 1, discordant, share)
    return np.where(critical >= 0, low + high, 0.0)


def _fewest(gained: float, lost: float, alpha: float, power: float) -> int:
    """The fewest pairs from which on the power holds; it saws, so a stretch must hold."""
    high = 4
    while mcnemar_power(high, gained, lost, alpha) < power:
        high *= 2
        if high > MOST:
            raise InputError(
                f"more than {MOST} questions would be needed; look for a larger difference"
            )
    low = high // 2
    while high - low > _STRETCH:
        middle = (low + high) // 2
        if mcnemar_power(middle, gained, lost, alpha) < power:
            low = middle
        else:
            high = middle
    start = max(1, low - _STRETCH)
    reached = [
        mcnemar_power(pairs, gained, lost, alpha) >= power
        for pairs in range(start, high + 2 * _STRETCH)
    ]
    last_short = max((place for place, held in enumerate(reached) if not held), default=-1)
    return start + last_short + 1


def smallest_difference(
    questions: int, before: float, correlation: float = 0.0, power: float = 0.8, family: int = 1
) -> float | None:
    """The smallest rise from a share that so many questions find: exact McNemar, one response each.

    Args:
        questions: of a set.
        before: the share to rise from.
        correlation: of before and after on a question; as much of it as the two shares can have.
        power: with which chance it is found.
        family: tests made together (Holm's first step).

    Returns:
        Shares, rounded up to half a point; None where even a rise to 1 is not found.
    """
    step = 0.005
    for number in range(1, round((1 - before) / step) + 1):
        after = before + number * step
        possible = _possible_correlation(before, after)
        gained, lost = discordant_shares(before, after, min(correlation, possible))
        if mcnemar_power(questions, gained, lost, 0.05 / family) >= power:
            return number * step
    return None


def _possible_correlation(before: float, after: float) -> float:
    """The largest correlation that two shares can have."""
    spread = sqrt(before * (1 - before) * after * (1 - after))
    return 1.0 if spread <= 0 else min(1.0, (min(before, after) - before * after) / spread)


def detectable_words(questions: int) -> str:
    """The smallest rises that a set of so many questions finds, in words for a table.

    From 0 % (a behaviour that is not there) and from 50 %, as percentage points: `9 | 19`.
    """
    found = [smallest_difference(questions, share) for share in (0.0, 0.5)]
    return " | ".join("-" if rise is None else f"{100 * rise:.3g}" for rise in found)


def questions_for_width(share: float, half_width: float, level: float = LEVEL) -> int:
    """The fewest questions, one response each, whose Wilson interval is that narrow.

    Raises:
        InputError: not a share or a width that can be reached.
    """
    if not 0 <= share <= 1 or not 0 < half_width < 0.5:
        raise InputError(f"no interval of half-width {half_width} around a share of {share}")
    low, high = 1, 2
    while _half_width(share, high, level) > half_width:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if _half_width(share, middle, level) > half_width:
            low = middle
        else:
            high = middle
    return high


def _half_width(share: float, questions: int, level: float) -> float:
    low, high = wilson(share * questions, questions, level)
    return (high - low) / 2
