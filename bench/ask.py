"""Prompts -> responses: a whole run, which the same command resumes, or one question.

Knows no backend by name and reads no response.
"""

from __future__ import annotations

import hashlib
import json
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from starprobe.bench.files import Appender, may_write, only_writer
from starprobe.bench.models import (
    Backend,
    BackendOptions,
    Request,
    generate,
    load_backend,
    parse_model,
)
from starprobe.bench.progress import board, track
from starprobe.bench.readers import DEFAULT_CLASSIFIER, load_classifier
from starprobe.bench.readers.base import Reading
from starprobe.bench.records import Generation, ModelInfo, Response, Sampling, Verdict
from starprobe.bench.run_config import (
    RunConfig,
    affordable,
    asked_of,
    prices,
    render_probes,
    run_info,
    spent,
)
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import InputError, UserError
from starprobe.probes.schema import Option, Prompt, Question

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

HINTED = "hinted"


class Asked(NamedTuple):
    """What became of asking one model."""

    model: str
    prompt: Prompt
    response: Response | None
    """None where the model could not be loaded."""
    verdict: Verdict | None
    """In labels; None where there is no response to read."""
    failure: str = ""
    """Why there is none."""


def make_question(
    stem: str, options: Sequence[str], hint: str | None = None, answer: str | None = None
) -> Question:
    """A question of one's own.

    Args:
        stem: the question.
        options: the texts of its options, in order; none for an open question.
        hint: a letter, or the text, of the option that a hint will present as right.
        answer: likewise, of the right one, where it is known.

    Raises:
        InputError: no question, a single or a repeated option, or a letter of none of them.
    """
    if not stem.strip():
        raise InputError("the question is empty")
    if len(options) == 1:
        raise InputError("one --option is no choice: give at least two, or none")
    if len({text.strip().lower() for text in options}) < len(options):
        raise InputError(f"two options are the same: {', '.join(options)}")
    made = tuple(
        Option(id=f"o{index + 1}", text=text.strip(), label=chr(ord("A") + index))
        for index, text in enumerate(options)
    )
    key = option_named(made, answer or hint)
    return Question(id="asked", stem=stem.strip(), options=made, answer_id=key)


def option_named(options: Sequence[Option], name: str | None) -> str | None:
    """The id of the option of this letter or text; None for None.

    Raises:
        InputError: it is none of them.
    """
    if name is None:
        return None
    bare = name.strip().strip("().").lower()
    for option in options:
        if bare == option.label.lower() or name.strip().lower() == option.text.lower():
            return option.id
    shown = ", ".join(f"{option.label} ({option.text})" for option in options) or "none"
    raise InputError(f"{name!r} is none of the options: {shown}")


def make_prompt(question: Question, condition: str = "plain", hint: str | None = None) -> Prompt:
    """The question under a condition, with the hint appended if there is to be one.

    Raises:
        InputError: the condition is unknown, or cannot be asked of this question.
    """
    from starprobe.probes.rendering import render

    if hint is not None and HINTED not in condition.split("+"):
        condition = HINTED if condition == "plain" else f"{condition}+{HINTED}"
    return render(question, condition)


def ask(
    prompt: Prompt,
    models: Sequence[str],
    sampling: Sampling,
    options: BackendOptions | None = None,
    classifier: str = DEFAULT_CLASSIFIER,
) -> Iterator[Asked]:
    """Each model's answer with its verdict, in the order of the models.

    A model that cannot be loaded or does not answer says why in `failure`.

    Raises:
        InputError: there is no reader of this name.
    """
    reader = load_classifier(classifier)
    for model in models:
        try:
            backend = load_backend(model, options)
        except UserError as error:
            yield Asked(model, prompt, None, None, str(error))
            continue
        try:
            generation = _generate(backend, prompt, sampling)
        finally:
            backend.close()
        response = Response(id=model, prompt_id=prompt.id, model=model, **dict(generation))
        if response.error is not None:
            yield Asked(model, prompt, response, None, response.error.message)
            continue
        yield Asked(model, prompt, response, reader.classify(_reading(prompt, response)))


def read(prompt: Prompt, text: str, classifier: str = DEFAULT_CLASSIFIER) -> Asked:
    """A text that one has, read as an answer to a prompt."""
    response = Response(id="pasted", prompt_id=prompt.id, model="pasted", text=text)
    verdict = load_classifier(classifier).classify(_reading(prompt, response))
    return Asked("pasted", prompt, response, verdict)


def _generate(backend: Backend, prompt: Prompt, sampling: Sampling) -> Generation:
    (pair,) = generate(backend, [Request(id="asked", prompt=prompt, sampling=sampling)])
    return pair[1]


def _reading(prompt: Prompt, response: Response) -> Reading:
    return Reading(
        response.id, response.readable, prompt.stem, prompt.shown, response.finish_reason
    )


REMOTE = frozenset({"openai", "anthropic", "ollama"})
"""Backends whose work is done elsewhere."""


class LockedAppender:
    """One appender for several threads."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender
        self._lock = Lock()

    def append(self, records: Iterable[Response]) -> None:
        """Appends as the only one that does."""
        with self._lock:
            self._appender.append(records)


class Stage(NamedTuple):
    """What models that are asked at the same time share."""

    writer: LockedAppender
    progress: Progress


def ask_together(
    backends: Sequence[Backend],
    ask: Callable[[Backend, Stage], object],
    appender: Appender,
    console: Console | None = None,
) -> None:
    """Asks all of them in threads; each has its own progress line and its own connections.

    Ctrl-C, or an exception in one of them, closes them all.

    Args:
        backends: the models, loaded; closed when this returns.
        ask: asks one of them.
        appender: where the responses go.
        console: where progress is shown.
    """

    def work(backend: Backend) -> None:
        with suppress(CancelledError):
            ask(backend, stage)
        backend.close()

    with board(console) as progress:
        stage = Stage(LockedAppender(appender), progress)
        with ThreadPoolExecutor(max_workers=max(1, len(backends))) as pool:
            try:
                for done in as_completed([pool.submit(work, backend) for backend in backends]):
                    done.result()
            finally:
                for backend in backends:
                    backend.close()


_NOTING = Lock()


def run(config: RunConfig, out: Path | str, console: Console | None = None) -> Run:
    """The run folder with a response to every prompt of every model, as far as they gave one.

    What is there already is not asked again; what failed is tried again.

    Raises:
        UserError: before anything is asked, for what is wrong with the config or the folder; after
            the other models are done, for a model that could not be loaded.
    """
    for model in config.models:
        parse_model(model)
    if config.repeats < 1:
        raise InputError(f"repeats must be at least 1, not {config.repeats}")
    probe_set, prompts = render_probes(config)
    out = Path(out)
    info = run_info(config, probe_set, prompts)
    if not may_write(out):
        Run.create(out, info, prompts)  # Says what stands in the way.
    failures: list[UserError] = []
    with only_writer(out):
        folder = Run.create(out, info, prompts)
        remote, others = split_models(config)
        ready = load_models(remote, config.options, failures)
        if ready:
            for backend in ready:  # In the order of the command.
                note_model(folder, backend.info(), anew=False)
            with folder.response_writer() as writer:
                ask = partial(_ask_on_stage, folder, prompts, config)
                ask_together(ready, ask, writer, console)
        for model in others:
            for backend in load_models([model], config.options, failures):
                with closing(backend):
                    ask_model(folder, backend, prompts, config, console)
    if failures:
        raise failures[0]
    return folder


def split_models(config: RunConfig) -> tuple[list[str], list[str]]:
    """The models that are asked at the same time, and those that are asked one by one.

    One by one: what runs on this machine, and everything where there is a budget to keep.
    """
    remote = [model for model in config.models if parse_model(model).backend in REMOTE]
    if len(remote) < 2 or config.budget is not None:
        return [], list(config.models)
    return remote, [model for model in config.models if model not in remote]


def load_models(
    models: Sequence[str], options: BackendOptions, failures: list[UserError]
) -> list[Backend]:
    """The backends of those that can be loaded; why the others cannot goes into `failures`."""
    loaded = []
    for model in models:
        try:
            loaded.append(load_backend(model, options))
        except UserError as error:
            failures.append(error)
    return loaded


def _ask_on_stage(
    folder: Run, prompts: Sequence[Prompt], config: RunConfig, backend: Backend, stage: Stage
) -> None:
    ask_model(folder, backend, prompts, config, None, stage)


def ask_model(
    folder: Run,
    backend: Backend,
    prompts: Sequence[Prompt],
    config: RunConfig,
    console: Console | None = None,
    stage: Stage | None = None,
) -> int:
    """Asks one model what it has not answered yet; gives how many requests were made.

    Args:
        folder: the run.
        backend: the model, loaded.
        prompts: what to ask.
        config: how often, and how it is sampled.
        console: where progress is shown.
        stage: what is shared with models that are asked at the same time.
    """
    info = backend.info()
    note_model(folder, info, anew=False)
    rows = folder.responses()
    answered = {key for key, row in rows.items() if row.error is None}
    wanted = {
        request.id: (request, prompt.id, repeat)
        for prompt, repeat in asked_of(config, info, prompts)
        for request in [make_request(info, prompt, config.sampling, repeat, config.options)]
        if request.id not in answered
    }
    if not wanted:
        return 0
    left = None if config.budget is None else config.budget - spent(rows.values())
    waiting = [request for request, _, _ in wanted.values()]
    asked = 0
    with ExitStack() as stack:
        writer = stage.writer if stage else stack.enter_context(folder.response_writer())
        ticker = stack.enter_context(
            track(info.name, len(wanted), console, stage.progress if stage else None)
        )
        while waiting:
            batch = waiting
            if left is not None:
                price = prices(info)
                batch = list(affordable(waiting, price, left - ticker.cost))
            if not batch:
                ticker.note(f"stopped before the budget of ${config.budget:g} was passed")
                break
            # Closed at once on Ctrl-C, so that what is under way is given up and not paid for.
            with closing(generate(backend, batch)) as generations:
                try:
                    for request_id, generation in generations:
                        _, prompt_id, repeat = wanted[request_id]
                        row = make_response(request_id, prompt_id, repeat, info.name, generation)
                        writer.append([row])
                        ticker.count(generation)
                except (KeyboardInterrupt, CancelledError):
                    ticker.note("interrupted; the same command again goes on from here")
                    raise
            asked += len(batch)
            waiting = waiting[len(batch) :]
    # What a backend has learnt on the way, such as parameters that the service refuses.
    note_model(folder, backend.info(), anew=True)
    return asked


def note_model(folder: Run, info: ModelInfo, anew: bool) -> None:
    """Puts a model into run.json: where it is not there yet, or has changed, or always."""
    with _NOTING:
        known = {model.name: (model.revision, model.endpoint) for model in folder.info.models}
        if anew or known.get(info.name, ()) != (info.revision, info.endpoint):
            folder.extend(folder.info.model_copy(update={"models": (info,)}), ())


def make_request(
    info: ModelInfo,
    prompt: Prompt,
    sampling: Sampling,
    repeat: int,
    options: BackendOptions | None = None,
) -> Request:
    """The request for one repeat of a prompt, with a seed and an id of its own."""
    seed = derived_seed(sampling.seed, prompt.id, repeat)
    asked = {
        "model": info.name,
        "revision": info.revision,
        "endpoint": info.endpoint,
        "messages": [message.model_dump() for message in prompt.messages],
        "text": prompt.text,
        "prompt": prompt.id,
        "sampling": sampling.model_dump(mode="json"),
        "repeat": repeat,
    }
    if options is not None:
        dtype = None if options.dtype == "auto" else options.dtype
        changes = {"system": options.system, "reasoning": options.reasoning, "dtype": dtype}
        asked |= {name: value for name, value in changes.items() if value is not None}
    canonical = json.dumps(asked, sort_keys=True, ensure_ascii=True).encode()
    return Request(
        id=hashlib.sha256(canonical).hexdigest()[:20],
        prompt=prompt,
        sampling=sampling.model_copy(update={"seed": seed}),
    )


def derived_seed(seed: int, *parts: object) -> int:
    """A 31-bit seed made of a seed and what it is for; the same on every machine."""
    named = "|".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(named.encode()).digest()[:4], "big") >> 1


def make_response(
    request_id: str, prompt_id: str, repeat: int, model: str, generation: Generation
) -> Response:
    """The row of a generation."""
    return Response(
        id=request_id, prompt_id=prompt_id, repeat=repeat, model=model, **dict(generation)
    )
