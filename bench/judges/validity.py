"""Whether judges and rewards can stand in for an answer key, where there is one to ask. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from starprobe.bench.judges.consensus import Consensus
from starprobe.bench.judges.records import Judgement
from starprobe.bench.metrics.measuring import as_metric
from starprobe.bench.records import Metric, Response
from starprobe.bench.statistics import Sums, rate, rate_of
from starprobe.probes.schema import Prompt

EVERY = "all"
"""Condition and model of a metric that is over all of them."""


def matches_key(
    found: Sequence[Consensus], correct: Mapping[str, bool | None], question: Mapping[str, str]
) -> Iterator[Metric]:
    """`consensus_right_matches_key`: where the panel says RIGHT or WRONG, it agrees with the key.

    Args:
        found: the consensus on the rubric `right`.
        correct: response id -> score.
        question: response id -> question id.
    """
    rows = [
        (row.choice == "RIGHT", correct[row.response_id], question[row.response_id])
        for row in found
        if row.choice in ("RIGHT", "WRONG") and correct.get(row.response_id) is not None
    ]
    if rows:
        same = np.array([said == key for said, key, _ in rows], dtype=np.float64)
        questions = np.array([name for _, _, name in rows])
        yield as_metric("consensus_right_matches_key", EVERY, EVERY, rate(same, questions))


def ranks_right_higher(
    rows: Sequence[Judgement],
    correct: Mapping[str, bool | None],
    responses: Mapping[str, Response],
    prompts: Mapping[str, Prompt],
) -> Iterator[Metric]:
    """`JUDGE SCORE ranks_right_higher`: the right one of two responses to a prompt scores higher.

    Ties count half. Only pairs within a prompt are looked at.
    """
    cells: dict[tuple[str, str], dict[str, tuple[list[float], list[float]]]] = {}
    for row in rows:
        key = correct.get(row.response_id)
        if row.scores is None or key is None:
            continue
        prompt_id = responses[row.response_id].prompt_id
        for name, score in row.scores.items():
            sides = cells.setdefault((row.judge, name), {}).setdefault(prompt_id, ([], []))
            sides[0 if key else 1].append(score)
    for (judge, name), by_prompt in cells.items():
        won: dict[str, float] = {}
        pairs: dict[str, float] = {}
        for prompt_id, (right, wrong) in by_prompt.items():
            question = prompts[prompt_id].question_id
            above = np.subtract.outer(right, wrong)
            won[question] = won.get(question, 0.0) + float(
                (above > 0).sum() + (above == 0).sum() / 2
            )
            pairs[question] = pairs.get(question, 0.0) + above.size
        kept = [question for question, count in pairs.items() if count]
        sums = Sums(np.array([won[q] for q in kept]), np.array([pairs[q] for q in kept]))
        yield as_metric(f"{judge} {name} ranks_right_higher", EVERY, EVERY, rate_of(sums))
