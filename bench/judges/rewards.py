"""Reward models: which one a name means, and the scores that they give to responses."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

from starprobe.bench.judges.panel import SAMPLING, Case, judges_itself
from starprobe.bench.judges.records import Judgement
from starprobe.bench.models import BackendOptions, parse_model
from starprobe.bench.models.base import Backend, Request
from starprobe.bench.records import Generation, Response
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Message, Prompt

ASKED = "reward"


def load_reward(model: str, options: BackendOptions | None = None) -> Backend:
    """The reward model of this name: `hf:NAME` here, `openai:NAME[@URL]` behind HTTP.

    Without a URL, HTTP means NVIDIA's endpoint.

    Raises:
        InputError: another backend.
        MissingError: a key, a package or the model is not there.
    """
    parsed, options = parse_model(model), options or BackendOptions()
    if parsed.backend == "hf":
        from starprobe.bench.judges.local_reward import LocalReward

        return LocalReward(parsed.name, options)
    if parsed.backend == "openai":
        from starprobe.bench.judges.reward_format import DIALECT
        from starprobe.bench.models.http_backend import HttpBackend

        return HttpBackend(DIALECT, parsed.name, parsed.url, options)
    raise InputError(
        f"{model!r} cannot be a reward model: name it hf:NAME (a sequence classifier) or "
        f"openai:NAME@URL (Nemotron's format, or vLLM's /pooling)"
    )


def reward(backend: Backend, cases: Mapping[str, Case]) -> Iterator[Judgement]:
    """Scores of these cases (by id) by one reward model, as they come."""
    info = backend.info()
    requests = [
        Request(
            id=name,
            prompt=conversation(case.prompt, case.responses[0], name),
            sampling=SAMPLING,
        )
        for name, case in cases.items()
    ]
    if not requests:
        return
    for name, generation in backend.generate(requests):
        response = cases[name].responses[0]
        yield Judgement(
            id=name,
            kind="reward",
            judge=info.name,
            revision=info.revision,
            response_id=response.id,
            scores=_scores(generation),
            self_judging=judges_itself(info, (response,)),
            chars=len(response.readable),
            tokens=response.usage.completion_tokens if response.usage else None,
            text=generation.text,
            latency_s=generation.latency_s,
            error=generation.error,
        )


def conversation(prompt: Prompt, response: Response, name: str) -> Prompt:
    """What a reward model scores: the turns that were asked, and the visible answer as the last."""
    said = response.text or response.readable
    return Prompt(
        id=name,
        question_id=prompt.question_id,
        condition=ASKED,
        stem=prompt.stem,
        shown=(),
        messages=(*prompt.messages, Message(role="assistant", content=said)),
        text=f"{prompt.text} {said}",
    )


def _scores(generation: Generation) -> dict[str, float] | None:
    if generation.error is not None:
        return None
    try:
        found = json.loads(generation.text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not found:
        return None
    scores = {str(name): float(score) for name, score in found.items()}
    return scores if all(math.isfinite(score) for score in scores.values()) else None
