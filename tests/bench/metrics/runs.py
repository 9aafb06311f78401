"""Run folders and frames with known contents, for the tests of metrics."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from starprobe.bench.frames import row, tabulate
from starprobe.bench.records import (
    MULTI,
    ModelInfo,
    Response,
    RunInfo,
    Sampling,
    Style,
    Treatment,
    Usage,
    Verdict,
)
from starprobe.bench.run_folder import Run
from starprobe.probes.schema import Message, Prompt, ShownOption

IDS = ("o1", "o2", "o3", "o4")


def make_prompt(
    question: str, condition: str = "plain", order: int = 0, hinted: str | None = None
) -> Prompt:
    """Four options in rotation `order`; the key is o1."""
    turned = IDS[order % 4 :] + IDS[: order % 4]
    shown = tuple(
        ShownOption(label=label, option_id=option, text=f"text of {option}")
        for label, option in zip("ABCD", turned, strict=True)
    )
    return Prompt(
        id=f"{question}/{condition}/{order}",
        question_id=question,
        condition=condition,
        order=order,
        stem=f"stem of {question}",
        shown=shown,
        answer_id="o1",
        hinted_id=hinted,
        messages=(Message(role="user", content="?"),),
        text="?",
    )


def make_response(
    prompt: Prompt,
    model: str = "scripted:one",
    repeat: int = 0,
    text: str = "0123456789",
    reasoning: str | None = None,
) -> Response:
    """A response of ten tokens."""
    return Response(
        id=f"{model}|{prompt.id}|{repeat}",
        prompt_id=prompt.id,
        repeat=repeat,
        model=model,
        text=text,
        reasoning=reasoning,
        finish_reason="stop",
        usage=Usage(prompt_tokens=5, completion_tokens=10),
        latency_s=0.5,
    )


def make_verdict(
    response: Response,
    answer: str | None,
    reasoned: dict[str, str] | None = None,
    spans: dict[str, tuple[int, int]] | None = None,
    classifier: str = "rules-1",
) -> Verdict:
    """A verdict: `reasoned` maps options to sides, the others are not mentioned."""
    reasoned, spans = reasoned or {}, spans or {}
    style: Style = "option_by_option" if len(reasoned) == 4 else "partial" if reasoned else "direct"
    return Verdict(
        id=response.id,
        options={
            option: Treatment(
                treatment="reasoned" if option in reasoned else "none",
                side=reasoned.get(option),  # type: ignore[arg-type]
                spans=(spans[option],) if option in spans else (),
            )
            for option in IDS
        },
        answer=answer,
        outcome="no_answer" if answer is None else "multi" if answer == MULTI else "answered",
        general=False,
        style=style,
        coverage=len(reasoned) / 4,
        classifier=classifier,
    )


Triple = tuple[Prompt, Response, Verdict]


def make_frame(triples: Iterable[Triple]) -> pd.DataFrame:
    """The frame of these verdicts."""
    return tabulate([row(*triple) for triple in triples])


def make_run(path: Path, triples: Iterable[Triple], failed: Iterable[Response] = ()) -> Run:
    """A run folder with these verdicts under the reader `rules`."""
    kept = list(triples)
    models = dict.fromkeys(response.model for _, response, _ in kept)
    info = RunInfo(
        probe_set="made",
        probe_hash="0" * 16,
        questions=len({prompt.question_id for prompt, _, _ in kept}),
        conditions=tuple(dict.fromkeys(prompt.condition for prompt, _, _ in kept)),
        orders=1,
        repeats=1,
        models=tuple(ModelInfo(name=model) for model in models),
        sampling=Sampling(),
        created="2026-01-01T00:00:00Z",
        command="starprobe run",
        versions={},
        hardware={},
    )
    prompts = {prompt.id: prompt for prompt, _, _ in kept}
    run = Run.create(path, info, prompts.values())
    with run.response_writer() as writer:
        writer.append([response for _, response, _ in kept])
        writer.append(list(failed))
    run.write_verdicts("rules", [verdict for _, _, verdict in kept])
    return run
