"""Sampling with one generator a row, so that a response does not depend on its batch.

Knows nothing of models: scores in, one drawn token a row out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

from starprobe.bench.records import Sampling

NUCLEUS = 128
"""Tokens among which the nucleus is looked for before all are sorted, which is slow
(`benchmarks/decoding.py sampler`)."""


class RowSampler(LogitsProcessor):
    """`draw` as a step of transformers' own `generate`: leaves only the drawn token possible."""

    def __init__(self, seeds: Sequence[int], sampling: Sampling) -> None:
        self._generators = [random.Random(seed) for seed in seeds]
        self._sampling = sampling

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Scores with 0 for the drawn token and -inf elsewhere, (batch, vocabulary)."""
        drawn = draw(scores, self._generators, self._sampling)
        chosen = torch.full_like(scores, -math.inf)
        drawn_only: torch.FloatTensor = chosen.scatter_(1, drawn[:, None], 0.0)
        return drawn_only


def draw(
    scores: torch.Tensor, generators: Sequence[random.Random], sampling: Sampling
) -> torch.Tensor:
    """The next token of each row of (rows, vocabulary), drawn with the row's own generator.

    Temperature, then nucleus sampling (Holtzman et al. 2020): the likeliest tokens whose mass
    reaches `top_p`. Inverse-CDF sampling with one uniform number a row. Temperature 0 is the
    likeliest token.
    """
    if sampling.temperature <= 0:
        return scores.argmax(dim=-1)
    ids, cumulative = _nucleus(scores.float() / sampling.temperature, sampling.top_p)
    uniform = torch.tensor(
        [[generator.random()] for generator in generators],
        dtype=cumulative.dtype,
        device=cumulative.device,
    )
    place = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    place = place.clamp(max=cumulative.shape[-1] - 1)
    return (place if ids is None else ids.gather(1, place))[:, 0]


def _nucleus(scaled: torch.Tensor, top_p: float) -> tuple[torch.Tensor | None, torch.Tensor]:
    """(token ids or None for all in order, cumulative mass of those that may be drawn)."""
    if top_p >= 1:
        return None, torch.softmax(scaled, dim=-1).double().cumsum(dim=-1)
    total = scaled.logsumexp(dim=-1, keepdim=True)
    values, ids = scaled.topk(min(NUCLEUS, scaled.shape[-1]), dim=-1)
    mass = (values - total).exp().double()
    if bool((mass.sum(dim=-1) < top_p).any()):
        values, ids = scaled.sort(dim=-1, descending=True)
        mass = (values - total).exp().double()
    before = mass.cumsum(dim=-1) - mass
    return ids, mass.masked_fill(before >= top_p, 0.0).cumsum(dim=-1)
