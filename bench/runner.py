"""Questions + conditions + models -> a run folder of responses; the same again resumes.

Knows no backend by name and reads no response.
"""

from __future__ import annotations

import hashlib
import json
from asyncio import CancelledError
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from starprobe.bench import budget
from starprobe.bench.locking import may_write, only_writer
from starprobe.bench.models import Backend, BackendOptions, Request, load_backend, parse_model
from starprobe.bench.progress import track
from starprobe.bench.records import Generation, ModelInfo, Response, Sampling
from starprobe.bench.run_config import RunConfig, asked_of, render_probes, run_info
from starprobe.bench.storage import Run
from starprobe.bench.together import REMOTE, Stage, ask_together
from starprobe.probes.errors import InputError, UserError
from starprobe.probes.schema import Prompt

if TYPE_CHECKING:
    from rich.console import Console

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
    left = None if config.budget is None else config.budget - budget.spent(rows.values())
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
                price = budget.prices(info)
                batch = list(budget.affordable(waiting, price, left - ticker.cost))
            if not batch:
                ticker.note(f"stopped before the budget of ${config.budget:g} was passed")
                break
            # Closed at once on Ctrl-C, so that what is under way is given up and not paid for.
            with closing(iter_generations(backend, batch)) as generations:
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


def iter_generations(
    backend: Backend, requests: Sequence[Request]
) -> Generator[tuple[str, Generation], None, None]:
    """The backend's generations, as a generator that can be closed."""
    yield from backend.generate(requests)


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
