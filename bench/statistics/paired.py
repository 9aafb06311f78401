"""Before against after on the same questions: differences, tests, and the questions they take.

Pure, like `intervals`: the question is the unit, every question weighs alike, a pair with a missing
side is left out, and no result depends on the order in which pairs come. How many questions a run
needs is worked out before it for the same tests (exact McNemar, Holm over the family), by power or
by the width of an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, erfc, fsum, sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from starprobe.bench.statistics.intervals import (
    FEWEST,
    LEVEL,
    NOTHING,
    Estimate,
    Floats,
    grouped_means,
    t_quantile,
    wilson,
)
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record

ENUMERATED = 14
"""Questions up to which all swaps are listed."""
_UNITS = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 18, 20, 24, 30, 36, 40, 48, 60, 72, 80, 120, 240)
"""Denominators that changes are looked for in: they are shares of a few answers."""
_GRID = 4000
MANY = 500
"""Changed questions above which the test of swaps is the normal one: counting grows as a square."""
_POWER = 0.8416212335729143
"""The normal quantile of a power of 80 %."""
MOST = 50_000
"""Where the search gives up."""
_STRETCH = 12

Word = Literal["more", "less", "alike", "undecided"]


class Paired(NamedTuple):
    """Before against after on the same questions."""

    before: float | None
    after: float | None
    difference: Estimate
    """After minus before."""
    p: float | None
    test: str
    pairs: int
    before_only: int | None = None
    """Pairs true before and not after; None where the values are numbers."""
    after_only: int | None = None
    spread: float | None = None
    """Standard deviation of the change between questions, floored as the interval is."""


def mcnemar(before_only: int, after_only: int) -> float:
    """The exact two-sided McNemar test of discordant pairs; 1.0 where there are none.

    Binomial on the discordant pairs (McNemar 1947, Psychometrika 12:153).
    """
    from scipy import stats

    discordant = before_only + after_only
    if not discordant:
        return 1.0
    return float(stats.binomtest(before_only, discordant, 0.5).pvalue)


def sign_flip(changes: Floats) -> float:
    """Two-sided p of the mean change when before and after are swapped question by question.

    Fisher's randomization test: of all 2^n swaps, the share with at least as large a sum. With
    changes of -1, 0 and 1 it is the exact McNemar test. Counted exactly where the changes are
    multiples of 1/240 or the questions few; else on a grid of 4,000 steps. With more than `MANY`
    changes the sum is taken to be normal.
    """
    sizes = np.sort(np.abs(changes[changes != 0]))
    if not len(sizes):
        return 1.0
    if np.all(sizes == 1):
        return mcnemar(int(np.sum(changes < 0)), int(np.sum(changes > 0)))
    unit = next((u for u in _UNITS if np.allclose(sizes * u, np.rint(sizes * u), atol=1e-7)), None)
    if unit is None and len(sizes) <= ENUMERATED:
        return _listed(sizes, abs(fsum(changes)))
    scale = float(unit) if unit is not None else _GRID / fsum(sizes)
    whole = np.rint(changes * scale).astype(np.int64)
    if len(sizes) > MANY:
        return _normal(whole)
    return _counted(np.sort(np.abs(whole[whole != 0])), abs(int(whole.sum())))


def _listed(sizes: Floats, observed: float) -> float:
    """All 2^n signed sums, one by one."""
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums - size, sums + size])
    return float(np.mean(np.abs(sums) >= observed - 1e-9 * float(sizes.sum())))


def _normal(whole: NDArray[np.int64]) -> float:
    """The normal limit of the signed sum, whose values are two apart."""
    beyond = max(0.0, abs(int(whole.sum())) - 1.0)
    return erfc(beyond / sqrt(2 * float(np.square(whole.astype(np.float64)).sum())))


def _counted(sizes: NDArray[np.int64], observed: int) -> float:
    """The distribution of the signed sum of whole numbers, by convolution."""
    half = np.ones(1)
    for size in sizes:
        # The sum moves by 0 or 2 * size from its least value; halved, by 0 or size.
        wider = np.zeros(len(half) + int(size))
        wider[: len(half)] += half / 2
        wider[int(size) :] += half / 2
        half = wider
    sums = 2 * np.arange(len(half)) - int(sizes.sum())
    return min(1.0, float(half[np.abs(sums) >= observed].sum()))


def paired_rate(
    before: Floats,
    after: Floats,
    questions: NDArray[Any],
    orders: NDArray[Any] | None = None,
) -> Paired:
    """Two shares, or means of numbers between 0 and 1, on the same questions.

    The test is `sign_flip`; the interval inverts it (`inverted`) with one more question that
    changes from 0 to 1 and one that changes back, so that questions without a change do not give an
    interval without width, and it holds 0 exactly where the test does not reject.
    """
    return paired(before, after, questions, orders, bounded=True)


def paired_mean(
    before: Floats,
    after: Floats,
    questions: NDArray[Any],
    orders: NDArray[Any] | None = None,
) -> Paired:
    """Two means on the same questions: `sign_flip`, and the interval that inverts it.

    No interval and no test below five questions; no interval where all changes are equal.
    """
    return paired(before, after, questions, orders, bounded=False)


def paired(
    before: Floats,
    after: Floats,
    questions: NDArray[Any],
    orders: NDArray[Any] | None = None,
    *,
    bounded: bool,
) -> Paired:
    """`paired_rate` where values lie between 0 and 1, else `paired_mean`."""
    kept = ~(np.isnan(before) | np.isnan(after))
    first, second, questions = before[kept], after[kept], np.asarray(questions)[kept]
    if not len(questions):
        return Paired(None, None, NOTHING, None, "", 0)
    orders = None if orders is None else np.asarray(orders)[kept]
    _, one = grouped_means(first, questions, orders)
    _, two = grouped_means(second, questions, orders)
    order = np.lexsort((two, one))
    one, two = one[order], two[order]
    changes = np.round(two - one, 12)
    binary = bounded and set(np.unique(np.r_[first, second])) <= {0.0, 1.0}
    single = binary and len(one) == len(first)
    p, difference, spread = _tested(changes, bounded)
    test = "McNemar, exact" if single else "sign-flip permutation test over questions"
    return Paired(
        float(np.sort(one).mean()),
        float(np.sort(two).mean()),
        difference,
        p,
        test if p is not None else "",
        int(kept.sum()),
        int(np.sum((first == 1) & (second == 0))) if binary else None,
        int(np.sum((first == 0) & (second == 1))) if binary else None,
        spread,
    )


def _tested(changes: Floats, bounded: bool) -> tuple[float | None, Estimate, float | None]:
    """p, the difference with its interval, and the spread of changes."""
    # fsum rounds once: before and after swapped give mirror images to the last digit.
    n, value = len(changes), fsum(changes) / len(changes)
    if not bounded and n < FEWEST:
        found = Estimate(value, None, None, n, f"fewer than {FEWEST} questions: no interval")
        return None, found, None
    if n < 2:
        return None, Estimate(value, None, None, n, "one question: no interval"), None
    p = sign_flip(changes)
    floored = np.r_[-1.0, changes, 1.0] if bounded else changes
    centre = fsum(floored) / len(floored)
    spread = sqrt(fsum((floored - centre) ** 2) / len(floored))
    if spread <= 1e-12:
        return p, Estimate(value, None, None, n, "all changes alike: no interval"), None
    low, high = inverted(centre, spread, n, len(floored))
    if bounded:
        low, high = max(-1.0, low), min(1.0, high)
    low, high = _agreeing(low, high, value, p < 1 - LEVEL)
    return p, Estimate(value, low, high, n, "sign-flip test inverted"), spread


def inverted(centre: float, spread: float, questions: int, counted: int) -> tuple[float, float]:
    """The changes that a sign-flip test would not reject.

    The signed sum of n changes less d has the variance sum((change - d)^2); solved for d, with a t
    quantile in place of the normal one, that is centre +- t * spread / sqrt(n - 1).
    """
    width = t_quantile(questions - 1) * spread / sqrt(counted - 1)
    return centre - width, centre + width


def _agreeing(low: float, high: float, value: float, rejects: bool) -> tuple[float, float]:
    """Limits that hold 0 where, and only where, the exact test does not reject it."""
    if not rejects:
        return min(low, 0.0), max(high, 0.0)
    tiny = 1e-9
    return (max(low, tiny), high) if value > 0 else (low, min(high, -tiny))


def word_for(difference: Estimate, p: float | None, margin: float | None) -> Word:
    """*more* or *less* where the test rejects, *alike* inside the margin, else *undecided*.

    Args:
        difference: after minus before, with its interval.
        p: adjusted for its family.
        margin: differences up to this are none that matter; None: nothing can be alike.
    """
    if p is not None and p < 1 - LEVEL and difference.value:
        return "more" if difference.value > 0 else "less"
    low, high = difference.low, difference.high
    if low is None or high is None or margin is None:
        return "undecided"
    return "alike" if -margin <= low and high <= margin else "undecided"


def detectable(spread: float | None, questions: int) -> float | None:
    """The smallest difference that a test at 5 % finds four times in five."""
    if spread is None or questions < 2:
        return None
    return (t_quantile(questions - 1) + _POWER) * spread / sqrt(questions)


def questions_to_decide(value: float, spread: float, margin: float | None) -> int | None:
    """About how many questions would tell such a difference from 0, or show it within the margin.

    None where the difference stands at the margin, so that no number would.
    """
    z = 1.959963984540054
    tell = ((z + _POWER) * spread / value) ** 2 if value else None
    show = None
    if margin is not None and abs(value) < margin:
        show = ((z + _POWER) * spread / (margin - abs(value))) ** 2
    found = [count for count in (tell, show) if count is not None]
    return ceil(min(found)) if found and min(found) < 1e7 else None


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """P adjusted for their family (Holm 1979, Scand. J. Statist. 6:65); None counts for nothing.

    Our own three lines: statsmodels' multipletests collects garbage on every call, a third of a
    second beside the tables of a run, and a run has hundreds of families. A test holds them to it.
    """
    places = [place for place, p in enumerate(ps) if p is not None]
    known = np.array([ps[place] for place in places], dtype=float)
    order = np.argsort(known, kind="stable")
    scaled = np.minimum(1, np.maximum.accumulate(known[order] * np.arange(len(known), 0, -1)))
    adjusted: list[float | None] = [None] * len(ps)
    for rank, place in enumerate(order):
        adjusted[places[place]] = float(scaled[rank])
    return adjusted


def benjamini_hochberg(ps: Sequence[float | None]) -> list[float | None]:
    """P as false discovery rates (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57:289)."""
    from scipy import stats

    known = [p for p in ps if p is not None]
    left = iter(stats.false_discovery_control(known) if known else ())
    return [None if p is None else float(next(left)) for p in ps]


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


def questions_for_width(share: float, half_width: float) -> int:
    """The fewest questions, one response each, whose Wilson interval is that narrow.

    Raises:
        InputError: not a share or a width that can be reached.
    """
    if not 0 <= share <= 1 or not 0 < half_width < 0.5:
        raise InputError(f"no interval of half-width {half_width} around a share of {share}")
    low, high = 1, 2
    while _half_width(share, high) > half_width:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if _half_width(share, middle) > half_width:
            low = middle
        else:
            high = middle
    return high


def _half_width(share: float, questions: int) -> float:
    low, high = wilson(share * questions, questions)
    return (high - low) / 2
