"""What the sign says of a model under test: how likely each kind of model is, for stated priors.

Each kind of model is taken for a beta distribution of rates: the mean of its checkpoints, and the
spread between checkpoints pooled over kinds, widened for the mean's own uncertainty; the model's
responses are then beta-binomial. The answer is only as good as the kinds that were trained: a model
made in another way has no row here. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from starprobe.probes.schema import Record


class Posterior(Record):
    """What was believed of one kind of model before, and after seeing the responses."""

    arm: str
    prior: float
    likelihood: float
    """Of the responses seen, beside that of the likeliest kind (which is 1)."""
    posterior: float


def posterior(
    shown: int,
    responses: int,
    rates: Mapping[str, Sequence[float]],
    priors: Mapping[str, float],
    questions: int,
) -> list[Posterior]:
    """The posterior of each kind of model that a prior is given for.

    Args:
        shown: responses of the model under test with the sign, one response a question.
        responses: all its responses.
        rates: kind of model -> the rates of its checkpoints.
        priors: kind -> prior weight; they are made to add up to 1.
        questions: that the rates of checkpoints rest on.

    Raises:
        ValueError: priors of unknown kinds or below 0, or more shown than there were.
    """
    from scipy import stats

    unknown = [arm for arm in priors if arm not in rates]
    total = sum(priors.values())
    if unknown or total <= 0 or min(priors.values()) < 0:
        raise ValueError(f"priors must be of {sorted(rates)}, none below 0, not {dict(priors)}")
    if not 0 <= shown <= responses or responses < 1:
        raise ValueError(f"{shown} of {responses} responses cannot show the sign")
    spread = between_checkpoints(rates)
    logs = {}
    for arm in priors:
        a, b = beta_of(rates[arm], spread, questions)
        logs[arm] = float(stats.betabinom.logpmf(shown, responses, a, b))
    best = max(logs.values())
    likelihoods = {arm: float(np.exp(value - best)) for arm, value in logs.items()}
    weights = {arm: priors[arm] / total * likelihoods[arm] for arm in priors}
    scale = sum(weights.values())
    return [
        Posterior(
            arm=arm,
            prior=priors[arm] / total,
            likelihood=likelihoods[arm],
            posterior=weights[arm] / scale,
        )
        for arm in priors
    ]


def between_checkpoints(rates: Mapping[str, Sequence[float]]) -> float:
    """The share of p(1 - p) that checkpoints of one kind spread over, pooled over kinds.

    Chance at single responses is part of it, which makes the posterior a little less sure.
    """
    squares, weights = 0.0, 0.0
    for found in rates.values():
        if len(found) > 1:
            p = float(np.clip(np.mean(found), 0.02, 0.98))
            squares += float(np.sum((np.array(found) - np.mean(found)) ** 2)) / (p * (1 - p))
            weights += len(found) - 1
    return squares / weights if weights else 0.1


def beta_of(found: Sequence[float], spread: float, questions: int) -> tuple[float, float]:
    """The two parameters of the beta distribution of a kind's rates."""
    count = len(found)
    # Half a response over one question more keeps the mean off 0 and 1.
    p = (float(np.sum(found)) * questions + 0.5) / (count * questions + 1)
    # Beta's variance is p(1 - p) / (size + 1).
    share = min(0.9, max(spread * (1 + 1 / count), 1 / (questions + 2)))
    size = 1 / share - 1
    return p * size, (1 - p) * size
