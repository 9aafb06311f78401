"""Asks judges: every case of every judge that has not been judged yet. Knows backends, no files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from starprobe.bench.judges.records import Judgement
from starprobe.bench.judges.rubrics import Rubric, read_choice, render
from starprobe.bench.models.base import Backend, Request
from starprobe.bench.records import Generation, ModelInfo, Response, Sampling
from starprobe.probes.schema import Prompt

SAMPLING = Sampling(temperature=0.0, max_tokens=400)


class Case(NamedTuple):
    """One thing to judge."""

    prompt: Prompt
    responses: tuple[Response, ...]
    """One; of a pair two, in the order shown."""


def single_cases(prompts: dict[str, Prompt], responses: Iterable[Response]) -> Iterator[Case]:
    """A case for each response that is one."""
    for response in responses:
        if response.error is None and response.prompt_id in prompts:
            yield Case(prompts[response.prompt_id], (response,))


def pair_cases(prompts: dict[str, Prompt], responses: Iterable[Response]) -> Iterator[Case]:
    """Two cases, one an order, for each two models' responses to the same prompt and repeat."""
    alike: dict[tuple[str, int], list[Response]] = {}
    for response in responses:
        if response.error is None and response.prompt_id in prompts:
            alike.setdefault((response.prompt_id, response.repeat), []).append(response)
    for (prompt_id, _), group in alike.items():
        for one, two in combinations(group, 2):
            yield Case(prompts[prompt_id], (one, two))
            yield Case(prompts[prompt_id], (two, one))


def waiting(
    info: ModelInfo, asked: str, cases: Iterable[Case], done: Callable[[str], bool]
) -> dict[str, Case]:
    """Judgement id -> case, for those of this judge that are not `done` (by id)."""
    named = ((judgement_id(info, asked, case.responses), case) for case in cases)
    return {name: case for name, case in named if not done(name)}


def judge(backend: Backend, rubric: Rubric, cases: Mapping[str, Case]) -> Iterator[Judgement]:
    """Judgements of these cases (by id) by one judge, as they come."""
    info = backend.info()
    requests = [
        Request(
            id=name,
            prompt=render(rubric, case.prompt, case.responses, name),
            sampling=SAMPLING,
        )
        for name, case in cases.items()
    ]
    if requests:
        for name, generation in backend.generate(requests):
            yield _judgement(name, info, rubric, cases[name], generation)


def judgement_id(info: ModelInfo, asked: str, responses: Sequence[Response]) -> str:
    """Names who judged what, with which wording, in which order."""
    parts = [info.name, info.revision, info.endpoint, asked, *(row.id for row in responses)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def judges_itself(info: ModelInfo, responses: Sequence[Response]) -> bool:
    """Whether the judge is a model that wrote one of the responses, wherever it is served."""
    return any(_bare(row.model) == _bare(info.name) for row in responses)


def _bare(model: str) -> str:
    """The model's name without backend and URL."""
    return model.partition("@http")[0].partition(":")[2] or model


def _judgement(
    name: str, info: ModelInfo, rubric: Rubric, case: Case, generation: Generation
) -> Judgement:
    first = case.responses[0]
    return Judgement(
        id=name,
        kind=rubric.kind,
        judge=info.name,
        revision=info.revision,
        rubric=rubric.name,
        rubric_hash=rubric.hash,
        response_id=first.id,
        other_id=case.responses[1].id if len(case.responses) == 2 else None,
        choice=None if generation.error else read_choice(generation.text, rubric.choices),
        self_judging=judges_itself(info, case.responses),
        chars=len(first.readable),
        tokens=first.usage.completion_tokens if first.usage else None,
        text=generation.text,
        usage=generation.usage,
        latency_s=generation.latency_s,
        error=generation.error,
    )
