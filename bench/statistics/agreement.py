"""How far judges agree beyond chance: Fleiss' kappa, Krippendorff's alpha, Gwet's AC1. Pure.

Kappa and alpha fall where nearly all items are of one kind, although judges agree (the paradox of
Feinstein & Cicchetti 1990, J. Clin. Epidemiol. 43:543); raw agreement and AC1 stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from starprobe.bench.statistics.intervals import (
    NOTHING,
    Estimate,
    Floats,
    bootstrapped,
    resample,
)
from starprobe.probes.schema import Record


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
