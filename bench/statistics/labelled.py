"""What labels say: figures of a reader checked by them, and how far those who label agree. Pure.

*Checked figures* are of a stratified sample of a reader's verdicts, labelled by people. The value
is the reader's mean over all responses plus, in each stratum of its verdicts, the mean of label
minus verdict (the stratified difference estimator: Särndal, Swensson & Wretman 1992, section 6.3).
Nothing is assumed of the reader's errors. The limits stay honest with few labels: in each stratum
the errors to either side get Wilson limits, which are no point where none was seen, and limits are
squared and added (Zou & Donner 2008, Stat. Med. 27:1693; Yan & Su 2010, Biometrics 66:864), for the
sampling of questions and for that of labels.

*Agreement* beyond chance, of judges or of a person and a reader: Fleiss' and Cohen's kappa,
Krippendorff's alpha, Gwet's AC1. Kappa and alpha fall where nearly all items are of one kind,
although judges agree (the paradox of Feinstein & Cicchetti 1990, J. Clin. Epidemiol. 43:543); raw
agreement and AC1 stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from starprobe.bench.statistics.intervals import (
    LEVEL,
    NOTHING,
    Estimate,
    Floats,
    bootstrapped,
    resample,
    t_quantile,
    wilson,
)
from starprobe.probes.schema import Record

WHOLE_ERRORS = 2
"""Errors of full size that are added to those seen, for how large an error is."""
LEAST_CORRELATION = 0.5
"""Of verdicts and labels, squared: the least that is believed when few labels say so."""


class Stratum(NamedTuple):
    """Responses of which the reader says much the same; some of them are labelled.

    All values lie between 0 and 1.
    """

    size: int
    share: float
    """Their weight in the figure; that of all strata is 1."""
    said: float
    """The reader's mean over all of them, weighted as in the figure."""
    read: Floats
    """The reader's values of the labelled ones."""
    labels: Floats
    weights: Floats
    """Weight in the figure over the probability of being drawn and labelled, in any unit."""


class Side(NamedTuple):
    """All responses of one model in one condition."""

    strata: tuple[Stratum, ...]
    said: Floats
    """The reader's value of each response."""
    questions: NDArray[Any]
    """Its question."""
    shares: Floats
    """Its weight in the figure, 1 in all: where every question weighs alike, that of a response is
    the less the more there are to its question."""

    @property
    def read(self) -> float:
        """The figure as read."""
        return float(self.shares @ self.said)


class Limits(NamedTuple):
    """A value, and how far its limits stand below and above it."""

    value: float
    below: float
    above: float


class CheckedShare(NamedTuple):
    """A share or a mean of values from 0 to 1, as read and as the labels have it."""

    read: float
    value: float
    low: float
    high: float
    excess: Limits
    """As read minus what labels of all responses would give: the reader's error here."""
    labels: int
    questions: int


class CheckedChange(NamedTuple):
    """After minus before, as read and as the labels of both sides have it."""

    read: float
    value: float
    low: float
    high: float
    labels: tuple[int, int]
    questions: int


def checked_share(side: Side) -> CheckedShare | None:
    """The checked value with its interval; None without responses or without labels."""
    labels = _labels(side)
    if not len(side.said) or not labels:
        return None
    change = errors(side.strata)
    read = side.read
    value = _share(read + change.value)
    below, above = _of_questions(side, value)
    return CheckedShare(
        read,
        value,
        max(0.0, value - sqrt(below**2 + change.below**2)),
        min(1.0, value + sqrt(above**2 + change.above**2)),
        Limits(-change.value, change.above, change.below),
        labels,
        len(np.unique(side.questions)),
    )


def checked_change(before: Side, after: Side) -> CheckedChange | None:
    """The checked difference of two sides whose responses are paired, row by row.

    None without responses, or where a side has no labels.
    """
    labels = _labels(before), _labels(after)
    if not len(before.said) or not all(labels):
        return None
    parts = []
    for side in (before, after):
        change = errors(side.strata)
        value = _share(side.read + change.value)
        parts.append((value, change, _of_questions(side, value)))
    (p, of_p, (p_below, p_above)), (q, of_q, (q_below, q_above)) = parts
    r = _correlation(before, after)
    down = _cross(q_below, p_above, r) + of_q.below**2 + of_p.above**2
    up = _cross(q_above, p_below, r) + of_q.above**2 + of_p.below**2
    return CheckedChange(
        after.read - before.read,
        q - p,
        max(-1.0, q - p - sqrt(down)),
        min(1.0, q - p + sqrt(up)),
        labels,
        len(np.unique(before.questions)),
    )


def errors(strata: Sequence[Stratum]) -> Limits:
    """Label minus verdict, averaged over all responses of the strata."""
    value = below = above = 0.0
    for stratum in strata:
        found = _stratum_errors(stratum)
        value += stratum.share * found.value
        below += (stratum.share * found.below) ** 2
        above += (stratum.share * found.above) ** 2
    return Limits(value, sqrt(below), sqrt(above))


def _stratum_errors(stratum: Stratum) -> Limits:
    if not len(stratum.labels):
        return Limits(0.0, stratum.said, 1 - stratum.said)
    weights = stratum.weights / stratum.weights.sum()
    changes = stratum.labels - stratum.read
    missed, added = np.maximum(changes, 0), np.maximum(-changes, 0)
    count = 1 / float(weights @ weights)
    return error_limits(
        stratum.size,
        stratum.said,
        count,
        (float(weights @ missed), float(weights @ added)),
        (_size_of_errors(missed), _size_of_errors(added)),
    )


def _size_of_errors(found: Floats) -> float:
    """Squares over sums: 1 for errors of full size, less for smaller ones."""
    return (float(found @ found) + WHOLE_ERRORS) / (float(found.sum()) + WHOLE_ERRORS)


def error_limits(
    size: float,
    said: float,
    labels: float,
    shares: tuple[float, float],
    sizes: tuple[float, float] = (1.0, 1.0),
) -> Limits:
    """Label minus verdict in one stratum.

    Args:
        size: responses.
        said: the reader's mean.
        labels: how many are labelled, or the effective number where weights differ.
        shares: what the reader missed and what it added, averaged over the labelled.
        sizes: how large such an error is where there is one.
    """
    rest = sqrt(max(0.0, 1 - labels / size))
    ends = []
    for share, scale, most in zip(shares, sizes, (1 - said, said), strict=True):
        trials = labels / scale
        low, high = wilson(min(share, 1.0) * trials, trials)
        # The reader cannot have missed more than it left out, nor added more than it said.
        most = max(share, most)
        ends.append((rest * max(0.0, share - low), rest * max(0.0, min(high, most) - share)))
    (missed_below, missed_above), (added_below, added_above) = ends
    return Limits(
        shares[0] - shares[1], sqrt(missed_below**2 + added_above**2),
        sqrt(missed_above**2 + added_below**2),
    )  # fmt: skip


def _share(value: float) -> float:
    """Between 0 and 1, and free of the rounding that leaves a value beside them."""
    value = min(1.0, max(0.0, value))
    return round(value) if min(value, 1 - value) < 1e-12 else value


def _labels(side: Side) -> int:
    return sum(len(stratum.labels) for stratum in side.strata)


def _of_questions(side: Side, value: float) -> tuple[float, float]:
    """How far the limits stand off for having asked these questions and no others.

    Wilson's, for as many answers as the questions are worth, with Student's quantile.
    """
    from scipy import stats

    questions = len(np.unique(side.questions))
    trials = float(questions)
    spread = value * (1 - value)
    if spread > 0:
        gain = spread / max(_label_variance(side, value), 1e-9)
        trials = max(1.0, gain * questions / _share_between(side))
    alpha = 1 - LEVEL
    if questions > 1:
        alpha = 1 - float(2 * stats.norm.cdf(t_quantile(questions - 1)) - 1)
    low, high = wilson(value * trials, trials, alpha)
    return max(0.0, value - low), max(0.0, high - value)


def _label_variance(side: Side, value: float) -> float:
    """Of the true values: what the labels show, and no less than the verdicts'.

    Zeros and ones have that of their share.
    """
    labels = [stratum.labels for stratum in side.strata]
    if all(np.all((part == 0) | (part == 1)) for part in (*labels, side.said)):
        return value * (1 - value)
    squares = 0.0
    for stratum in side.strata:
        known = stratum.labels if len(stratum.labels) else np.array([stratum.said])
        weights = stratum.weights if len(stratum.labels) else np.ones(1)
        squares += stratum.share * float(weights @ known**2) / float(weights.sum())
    return max(squares - value**2, float(side.shares @ (side.said - side.read) ** 2))


def _share_between(side: Side) -> float:
    """Variance of a question's mean, as a share of that of a response; 1 with one response each.

    Measured on the verdicts and disattenuated, because errors of the reader hide how far the
    responses to a question agree (Spearman 1904, Am. J. Psychol. 15:72).
    """
    means, weights, counts = _by_question(side.said, side)
    alone = float(weights @ (1 / counts) / weights.sum())
    spread = float(side.shares @ (side.said - side.read) ** 2)
    if alone >= 1 or spread <= 0 or len(means) < 2:
        return 1.0
    between = float(np.var(means, ddof=1)) / spread
    agreeing = max(0.0, (between - alone) / (1 - alone)) / _squared_correlation(side)
    return alone + (1 - alone) * min(1.0, agreeing)


def _by_question(values: Floats, side: Side) -> tuple[Floats, Floats, Floats]:
    """Means, weights and numbers of responses of the questions, in the order of their names."""
    _, codes, counts = np.unique(side.questions, return_inverse=True, return_counts=True)
    weights = np.bincount(codes, weights=side.shares).astype(np.float64)
    totals = np.bincount(codes, weights=side.shares * values)
    return totals / weights, weights, counts.astype(np.float64)


def _squared_correlation(side: Side) -> float:
    """Of verdicts and labels, weighted to all responses; at least `LEAST_CORRELATION`."""
    known = [stratum for stratum in side.strata if len(stratum.labels)]
    read = np.concatenate([stratum.read for stratum in known])
    labels = np.concatenate([stratum.labels for stratum in known])
    weights = np.concatenate(
        [stratum.share * stratum.weights / stratum.weights.sum() for stratum in known]
    )
    table = np.cov(read, labels, aweights=weights, ddof=0)
    if table[0, 0] <= 0 or table[1, 1] <= 0:
        return LEAST_CORRELATION
    return max(LEAST_CORRELATION, min(1.0, float(table[0, 1] ** 2 / (table[0, 0] * table[1, 1]))))


def _correlation(before: Side, after: Side) -> float:
    """Of the questions' means before and after."""
    x, y = (_by_question(side.said, side)[0] for side in (before, after))
    x, y = x - x.mean(), y - y.mean()
    spread = sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / spread if spread > 0 else 0.0


def _cross(a: float, b: float, r: float) -> float:
    return max(0.0, a * a - 2 * r * a * b + b * b)


def allocate(sizes: Sequence[int], spreads: Sequence[float], total: int, floor: int) -> list[int]:
    """How many to label in each stratum: in proportion to size times spread (Neyman 1934).

    No stratum gets more than it has, nor less than the floor or all it has; where not even that
    can be had, the floor is lowered.

    Args:
        sizes: responses of each stratum.
        spreads: how far the reader is expected to be off in each, in any unit.
        total: labels.
        floor: the least.
    """
    total = min(total, sum(sizes))
    while floor > 0 and sum(min(floor, size) for size in sizes) > total:
        floor -= 1
    given = [min(floor, size) for size in sizes]
    while sum(given) < total:
        # One by one to where a label is missed most: rounding never gives too many.
        open_ = [place for place, size in enumerate(sizes) if given[place] < size]
        place = max(open_, key=lambda i: (sizes[i] * spreads[i] / (given[i] + 0.5), -i))
        given[place] += 1
    return given


class LabelPlan(NamedTuple):
    """What a number of labels gives: half-widths of 95 % intervals."""

    labels: int
    share: float
    """Of the checked share of one model in one condition."""
    difference: float
    """Of a checked difference, half the labels on each side."""
    alone: float
    """Of the share, from the same labels drawn at random and no reader."""


def plan_labels(
    labels: int, responses: int, share: float, sensitivity: float, specificity: float
) -> LabelPlan:
    """The half-widths to expect; one response a question.

    Args:
        labels: in all.
        responses: of one side, labelled or not.
        share: what is expected to be true of them.
        sensitivity: of the reader on these responses.
        specificity: of the reader on these responses.
    """

    def half(count: float) -> float:
        yes = share * sensitivity + (1 - share) * (1 - specificity)
        wrong = (1 - share) * (1 - specificity), share * (1 - sensitivity)
        below = above = 0.0
        spreads = []
        for part, error in zip((yes, 1 - yes), wrong, strict=True):
            rate = error / part if part > 0 else 0.0
            spreads.append(part * max(0.2, sqrt(rate * (1 - rate))))
        for place, (part, error) in enumerate(zip((yes, 1 - yes), wrong, strict=True)):
            if part <= 0:
                continue
            given = min(part * responses, max(1.0, count * spreads[place] / sum(spreads)))
            rate = error / part
            shares, said = ((0.0, rate), 1.0) if place == 0 else ((rate, 0.0), 0.0)
            found = error_limits(part * responses, said, given, shares)
            below += (part * found.below) ** 2
            above += (part * found.above) ** 2
        low, high = wilson(share * responses, responses)
        return (sqrt((share - low) ** 2 + below) + sqrt((high - share) ** 2 + above)) / 2

    alone = min(labels, responses)
    low, high = wilson(share * alone, alone)
    return LabelPlan(labels, half(labels), half(labels / 2) * sqrt(2), (high - low) / 2)


class Agreement(Record):
    """Agreement of a panel on one rubric."""

    judges: tuple[str, ...]
    items: int
    """Items with at least two readable votes."""
    complete: int
    """Items with a vote of every judge; Fleiss' kappa is over these."""
    raw: float | None
    fleiss_kappa: float | None
    krippendorff_alpha: float | None
    alpha_low: float | None
    alpha_high: float | None
    gwet_ac1: float | None


def agreement(
    votes: Mapping[str, Mapping[str, str | None]],
    choices: Sequence[str],
    question: Mapping[str, str] | None = None,
) -> Agreement:
    """The figures for judge -> item -> choice; a None or absent choice is a missing vote.

    No value where there is nothing to agree on (fewer than two items or judges); of kappa and alpha
    also where only one choice was ever made, since chance agreement is then certain.

    Args:
        votes: judge -> item -> choice.
        choices: all that could be chosen; AC1 counts them even where they never were.
        question: item -> its question, the unit of the interval; by default each item is one.
    """
    judges = tuple(votes)
    items = sorted({item for said in votes.values() for item in said})
    counts = count_choices(
        [[votes[judge].get(item) for judge in judges] for item in items], choices
    )
    alpha = krippendorff_alpha(counts, [(question or {}).get(item, item) for item in items])
    counts = counts[np.lexsort(counts.T)] if counts.size else counts
    rated = counts.sum(axis=1) if counts.size else np.zeros(0)
    return Agreement(
        judges=judges,
        items=int(np.sum(rated >= 2)),
        complete=int(np.sum(rated == len(judges))),
        raw=raw_agreement(counts),
        fleiss_kappa=fleiss(counts, len(judges)),
        krippendorff_alpha=alpha.value,
        alpha_low=alpha.low,
        alpha_high=alpha.high,
        gwet_ac1=gwet_ac1(counts),
    )


def count_choices(rows: Sequence[Sequence[str | None]], choices: Sequence[str]) -> Floats:
    """Votes an item (row) and choice (column)."""
    return np.array(
        [[sum(vote == choice for vote in row) for choice in choices] for row in rows],
        dtype=np.float64,
    ).reshape(len(rows), len(choices))


def raw_agreement(counts: Floats) -> float | None:
    """Share of pairs of votes on one item that are the same, averaged over items."""
    rated = counts.sum(axis=1)
    kept, n = counts[rated >= 2], rated[rated >= 2]
    if not len(kept):
        return None
    return float(((kept * (kept - 1)).sum(axis=1) / (n * (n - 1))).mean())


def fleiss(counts: Floats, judges: int) -> float | None:
    """Fleiss' kappa over the items that every judge voted on (Fleiss 1971, Psychol. Bull. 76:378).

    Computed by statsmodels.
    """
    from statsmodels.stats.inter_rater import fleiss_kappa

    kept = counts[counts.sum(axis=1) == judges]
    if judges < 2 or not len(kept) or np.sum(kept.sum(axis=0) > 0) < 2:
        return None
    return float(fleiss_kappa(kept))


def krippendorff_alpha(counts: Floats, questions: Sequence[str] | None = None) -> Estimate:
    """Nominal alpha with missing votes, and a bootstrap interval over questions.

    Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section C. Responses to one
    question are no independent items.

    Args:
        counts: votes an item (row) and choice (column).
        questions: the question of each item; by default each item is one.
    """
    rated = counts.sum(axis=1)
    kept, n = counts[rated >= 2], rated[rated >= 2]
    if len(kept) < 2 or np.sum(kept.sum(axis=0) > 0) < 2:
        return NOTHING
    same = (kept * (kept - 1)).sum(axis=1) / (n - 1)
    items = np.column_stack([same, kept])
    known = np.arange(len(counts)) if questions is None else np.asarray(questions)
    columns = _sums(items, known[rated >= 2])
    value, clusters = float(_alpha(columns.sum(axis=0)[None, :])[0]), len(columns)
    return bootstrapped(value, _alpha(resample(columns)), clusters, least=-np.inf)


def _sums(rows: Floats, questions: np.ndarray) -> Floats:
    """Totals of the rows of each question, sorted by what stands in them."""
    _, codes = np.unique(questions, return_inverse=True)
    order = np.lexsort((*rows.T, codes))
    totals = np.zeros((int(codes.max()) + 1, rows.shape[1]))
    np.add.at(totals, codes[order], rows[order])
    return totals[np.lexsort(totals.T)]


def _alpha(totals: Floats) -> Floats:
    """Rows of (same, votes for each choice) -> alpha; NaN where one choice is all there is."""
    same, votes = totals[:, 0], totals[:, 1:]
    n = votes.sum(axis=1)
    by_chance = 1 - (votes * (votes - 1)).sum(axis=1) / (n * (n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(by_chance > 1e-12, 1 - (1 - same / n) / by_chance, np.nan)


def gwet_ac1(counts: Floats) -> float | None:
    """Gwet's AC1 with missing votes (Gwet 2008, Br. J. Math. Stat. Psychol. 61:29, section 4)."""
    raw = raw_agreement(counts)
    rated = counts.sum(axis=1)
    kept = counts[rated >= 1]
    if raw is None or counts.shape[1] < 2:
        return None
    shares = (kept / kept.sum(axis=1, keepdims=True)).mean(axis=0)
    by_chance = float((shares * (1 - shares)).sum() / (counts.shape[1] - 1))
    return (raw - by_chance) / (1 - by_chance)


def kappa(one: np.ndarray, two: np.ndarray) -> float | None:
    """Cohen's kappa; None where there is nothing, or both always say the same one thing."""
    from sklearn.metrics import cohen_kappa_score

    if not len(one) or len(set(one) | set(two)) < 2:
        return None
    return float(cohen_kappa_score(one, two))
