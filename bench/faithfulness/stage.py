"""A run folder in, faithfulness.jsonl out: intervenes on what has not been intervened on yet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from starprobe.bench.ask import ask_missing
from starprobe.bench.faithfulness.measure import faithfulness_metrics
from starprobe.bench.faithfulness.trials import (
    Asked,
    Case,
    Rendering,
    Trial,
    answers,
    cases,
    controls,
    interventions,
    paraphrases,
    with_mistakes,
)
from starprobe.bench.models import BackendOptions, Models, name_of, opened
from starprobe.bench.models.backend import Backend
from starprobe.bench.progress import Counting, Silent
from starprobe.bench.records import Metric
from starprobe.bench.run_folder import Run, chosen_reader
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record

CHUNK = 8
"""Responses whose trials are made together."""


class FaithfulnessConfig(Record):
    """What to intervene on."""

    models: Models = ()
    """By default all of the run."""
    reader: str | None = None
    """Whose verdicts say what was answered; by default `chosen_reader`'s."""
    limit: int | None = None
    """Only so many responses a model, drawn by the seed."""
    seed: int = 0
    plain_text: bool = False
    """The responses were asked for as plain text: base models behind a server."""
    mistakes: bool = True
    """Mistakes, from which the model goes on: much the slowest test."""
    paraphrases: bool = True
    """Rationales in other words, which the model writes."""
    options: BackendOptions = BackendOptions()


class Faithfulness(Record):
    """What was found."""

    metrics: tuple[Metric, ...]
    not_applicable: dict[str, str]
    """Model -> why it could not be tested."""


def faithfulness_run(
    path: Path | str,
    config: FaithfulnessConfig | None = None,
    watcher: Counting | None = None,
) -> Faithfulness:
    """Tests the rationales of a run's models; running it again does what is missing.

    Args:
        path: a run folder that has been read.
        config: which models, how many responses, which interventions.
        watcher: is told how far it is.

    Raises:
        FolderError: no run folder.
        InputError: nobody has read it, or a model is not in it.
    """
    run, config = Run(path), config or FaithfulnessConfig()
    reasons: dict[str, str] = {}
    for model in _models(run, config):
        with opened(model, config.options) as backend:
            reason = inapplicable(backend, config.plain_text)
            if reason is None:
                _test(run, backend, name_of(model), config, watcher or Silent())
            else:
                reasons[name_of(model)] = reason
    trials = [Trial.model_validate(row) for row in run.faithfulness()]
    metrics = faithfulness_metrics(trials, run.responses(), run.prompts())
    return Faithfulness(metrics=tuple(metrics), not_applicable=reasons)


def inapplicable(backend: Backend, plain_text: bool) -> str | None:
    """Why this backend's rationales cannot be tested; None where they can."""
    if plain_text or isinstance(backend, Rendering):
        return None
    return (
        "not applicable: its server cannot be made to go on from the middle of its own response "
        "(models that run here can; so can base models behind a server, with --plain-text)"
    )


def _models(run: Run, config: FaithfulnessConfig) -> Sequence[str | Backend]:
    if run.info.imported:
        raise InputError(
            f"{run.path} holds imported responses: a model must be here to go on from its own"
        )
    there = [model.name for model in run.info.models]
    missing = [name for name in map(name_of, config.models) if name not in there]
    if missing:
        raise InputError(f"{run.path} holds no model {missing[0]!r}; it has {', '.join(there)}")
    if not run.verdict_names():
        raise InputError(f"{run.path} has no verdicts yet; run: starprobe classify {run.path}")
    return config.models or there


def _test(
    run: Run, backend: Backend, model: str, config: FaithfulnessConfig, watcher: Counting
) -> None:
    reader = chosen_reader(run, config.reader)
    found = cases(run.prompts(), run.responses(), run.verdicts(reader), model)
    if config.limit is not None and config.limit < len(found):
        found = random.Random(config.seed).sample(found, config.limit)
    wanted, others = {case.response.id: case for case in found}, controls(found)
    there = {row["response_id"]: row for row in run.faithfulness()}

    def make(missing: dict[str, Case]) -> Iterator[tuple[str, list[Trial]]]:
        left = list(missing.values())
        for start in range(0, len(left), CHUNK):
            trials = trials_of(backend, left[start : start + CHUNK], config, others)
            # A response's trials are written together, so a kill leaves whole responses.
            for name, own in groupby(trials, lambda trial: trial.response_id):
                yield name, list(own)

    with run.faithfulness_writer() as writer:
        ask_missing(wanted, there, make, writer.append, watcher, model)


def trials_of(
    backend: Backend,
    chunk: Sequence[Case],
    config: FaithfulnessConfig,
    others: Mapping[str, Case],
) -> list[Trial]:
    """All trials of these responses, one response after the other.

    Args:
        backend: the model that wrote them.
        chunk: the responses.
        config: which tests.
        others: response id -> the case whose rationale is the control.
    """
    chat = False if config.plain_text else None
    asked = [item for case in chunk for item in interventions(case, others.get(case.response.id))]
    if config.paraphrases:
        asked += paraphrases(backend, chunk, chat)
    if config.mistakes:
        asked += with_mistakes(backend, chunk, chat)
    said = answers(backend, asked, chat)
    whole = {
        item.case.response.id: answer
        for item, answer in zip(asked, said, strict=True)
        if item.test == "early" and item.at == 1.0
    }
    found = [
        _trial(item, answer, whole[item.case.response.id])
        for item, answer in zip(asked, said, strict=True)
    ]
    places = {case.response.id: place for place, case in enumerate(chunk)}
    return sorted(found, key=lambda trial: places[trial.response_id])


def _trial(item: Asked, answer: str | None, whole: str | None) -> Trial:
    return Trial(
        id=f"{item.case.response.id}|{item.test}|{item.at:.3f}",
        response_id=item.case.response.id,
        test=item.test,
        at=item.at,
        sentences=len(item.case.parts),
        answer=answer,
        whole=whole,
        given=item.case.answer,
        target=item.target,
    )
