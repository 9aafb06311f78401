"""Prompts -> responses: a whole run, which the same command resumes, or one question.

Knows no backend by name and reads no response.
"""

from __future__ import annotations

import hashlib
import json
import sys
from asyncio import CancelledError
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from starprobe.bench.files import may_write, only_writer
from starprobe.bench.models import (
    Backend,
    BackendOptions,
    Request,
    generate,
    generate_all,
    name_of,
    opened,
    parse_model,
    providers,
)
from starprobe.bench.progress import Counting, Line, Watcher, lines
from starprobe.bench.readers import DEFAULT_READER, Reader, Reading, load_reader, read_one
from starprobe.bench.records import Generation, ModelInfo, Response, Sampling, Verdict
from starprobe.bench.run_config import (
    RunConfig,
    affordable,
    asked_of,
    costs_money,
    own_conditions,
    own_sets,
    prices,
    render_probes,
    run_info,
    spent,
)
from starprobe.bench.run_folder import ResponseCache, Run
from starprobe.probes.conditions import Condition, combined, get_condition
from starprobe.probes.errors import FolderError, InputError, MissingError, UserError
from starprobe.probes.schema import Option, Prompt, Question, Record

if TYPE_CHECKING:
    from rich.console import Console

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


def make_prompt(
    question: Question, condition: str | Condition = "plain", hint: str | None = None
) -> Prompt:
    """The question under a condition, with the hint appended if there is to be one.

    Args:
        question: from `make_question`, or of a set.
        condition: a way of asking, or its name; parts combine with `+`.
        hint: anything but None presents the question's key as right.

    Raises:
        InputError: the condition is unknown, or cannot be asked of this question.
    """
    from starprobe.probes.rendering import render

    found = get_condition(condition)
    if hint is not None and HINTED not in found.name.split("+"):
        found = get_condition(HINTED) if found.name == "plain" else combined(found, HINTED)
    return render(question, found)


def ask(
    prompt: Prompt,
    models: Sequence[str | Backend],
    sampling: Sampling,
    options: BackendOptions | None = None,
    reader: str | Reader = DEFAULT_READER,
) -> Iterator[Asked]:
    """Each model's answer with its verdict, in the order of the models.

    A model that cannot be loaded or does not answer says why in `failure`.

    Args:
        prompt: from `make_prompt`.
        models: names, as the command takes them, or backends, which stay open.
        sampling: temperature, tokens and seed.
        options: how backends run.
        reader: who reads the answers, or its name.

    Raises:
        InputError: there is no reader of this name.
    """
    loaded = load_reader(reader)
    for model in models:
        name = name_of(model)
        try:
            with opened(model, options) as backend:
                request = Request(id="asked", prompt=prompt, sampling=sampling)
                ((_, generation),) = generate(backend, [request])
        except UserError as error:
            yield Asked(name, prompt, None, None, str(error))
            continue
        response = Response(id=name, prompt_id=prompt.id, model=name, **dict(generation))
        if response.error is not None:
            yield Asked(name, prompt, response, None, response.error.message)
            continue
        reading = Reading(
            name, response.readable, prompt.stem, prompt.shown, response.finish_reason
        )
        yield Asked(name, prompt, response, read_one(loaded, reading))


Item = TypeVar("Item")
Made = TypeVar("Made")
Row = TypeVar("Row", bound=Record)


def run(config: RunConfig, out: Path | str, console: Console | None = None) -> Run:
    """The run folder with a response to every prompt of every model, as far as they gave one.

    What is there already is not asked again; what failed is tried again.

    Args:
        config: what to ask, whom, and how.
        out: the run folder; made where there is none.
        console: where progress is shown; nothing is shown for None.

    Raises:
        UserError: before anything is asked, for what is wrong with the config or the folder; after
            the other models are done, for a model that could not be loaded.
    """
    for model in config.models:
        if isinstance(model, str):
            parse_model(model)
    if config.repeats < 1:
        raise InputError(f"repeats must be at least 1, not {config.repeats}")
    probe_set, prompts = render_probes(config)
    out = Path(out)
    info = run_info(config, probe_set, prompts)
    del probe_set  # Questions take as much memory as prompts.
    if not may_write(out):
        Run.create(out, info, prompts)  # Says what stands in the way.
    failures: list[UserError] = []
    with only_writer(out):
        folder = Run.create(out, info, prompts)
        folder.keep_objects(own_sets(config), own_conditions(config))
        for group in asked_at_once(config):
            with ExitStack() as stack:
                backends = load_models(group, config.options, failures, stack)
                ask_models(folder, backends, prompts, config, console)
    if failures:
        raise failures[0]
    return folder


def asked_at_once(config: RunConfig) -> list[list[str | Backend]]:
    """The models in groups: those behind servers together, those on this machine one by one.

    All one by one where there is a budget to keep.
    """
    remote = [model for model in config.models if _is_served(model)]
    if config.budget is not None or not remote:
        return [[model] for model in config.models]
    return [remote, *([model] for model in config.models if model not in remote)]


def _is_served(model: str | Backend) -> bool:
    from starprobe.bench.models.http import HttpBackend

    if isinstance(model, str):
        return parse_model(model).backend in providers()
    return isinstance(model, HttpBackend)


def load_models(
    models: Sequence[str | Backend],
    options: BackendOptions,
    failures: list[UserError],
    stack: ExitStack,
) -> list[Backend]:
    """The backends of those that can be loaded; why the others cannot goes into `failures`.

    What is loaded here is closed with the stack.
    """
    loaded = []
    for model in models:
        try:
            loaded.append(stack.enter_context(opened(model, options)))
        except UserError as error:
            failures.append(error)
    return loaded


class Wanted(NamedTuple):
    """One response that is to be there."""

    backend: Backend
    request: Request
    prompt_id: str
    repeat: int


def ask_models(
    folder: Run,
    backends: Sequence[Backend],
    prompts: Sequence[Prompt],
    config: RunConfig,
    console: Console | None = None,
) -> int:
    """Asks models what they have not answered yet; gives how many requests were made.

    Args:
        folder: the run.
        backends: the models, loaded; those behind servers are asked at the same time.
        prompts: what to ask.
        config: how often, and how it is sampled.
        console: where progress is shown.

    Raises:
        FolderError: a model was asked otherwise here before, and its questions would count twice.
    """
    wanted, made_by, paid = dict[str, Wanted](), dict[tuple[str, str, int], str](), 0.0
    for row in folder.each_response():
        paid += spent([row])
        if row.error is None:
            made_by[sys.intern(row.model), row.prompt_id, row.repeat] = row.id
    there = dict.fromkeys(made_by.values())
    parts: dict[str, tuple[int, int]] = {}
    for backend in backends:
        info = backend.info()
        note_model(folder, info, anew=False)
        mine = {
            request.id: Wanted(backend, request, prompt.id, repeat)
            for prompt, repeat in asked_of(config, info, prompts)
            for request in [make_request(info, prompt, config.sampling, repeat, config.options)]
        }
        for key, one in mine.items():
            if made_by.get((info.name, one.prompt_id, one.repeat), key) != key:
                raise FolderError(
                    f"{folder.path}: {info.name} was asked otherwise there (another revision, "
                    f"address, dtype, system prompt, --reasoning or --body), and its questions "
                    f"would count twice; name another --out folder"
                )
        done = sum(key in there for key in mine)
        if done < len(mine):
            parts[info.name] = len(mine), done
        wanted |= mine
    if not parts:
        return 0
    with folder.response_writer() as writer, lines(parts, console) as watcher:
        for backend in backends:
            if backend.info().name in parts:
                listen(backend, watcher.of(backend.info().name), config.sampling)
        make = partial(_answers, config, paid, watcher)
        made = ask_missing(wanted, there, make, writer.append, watcher, "asking")
    # What a backend has learnt on the way, such as parameters that the service refuses.
    for backend in backends:
        note_model(folder, backend.info(), anew=backend.info().name in parts)
    return made


def listen(backend: Backend, line: Line, sampling: Sampling) -> None:
    """Lets a line tell what a server asks for, and first what cannot be sent to it."""
    from starprobe.bench.models.http import HttpBackend

    if isinstance(backend, HttpBackend):
        backend.on_wait, backend.on_learning = line.wait, line.remark
        left_out = backend.not_sent(sampling)
        if left_out:
            line.remark(f"not sent, since the service does not take it: {', '.join(left_out)}")


def _answers(
    config: RunConfig, paid: float, watcher: Watcher, missing: Mapping[str, Wanted]
) -> Iterator[tuple[str, list[Response]]]:
    """The responses to these requests as they come, as far as the budget reaches."""
    cache = ResponseCache()
    paid_for = {name for name, one in missing.items() if costs_money(one.backend.info())}
    kept = cache.find(paid_for) if config.cache else {}
    for name, old in kept.items():
        one = missing[name]
        info = one.backend.info()
        yield name, [make_response(name, one.prompt_id, one.repeat, info.name, old)]
    waiting = [one for name, one in missing.items() if name not in kept]
    while waiting:
        batch = waiting
        if config.budget is not None:
            price = prices(waiting[0].backend.info())
            requests = [one.request for one in waiting]
            batch = waiting[: len(list(affordable(requests, price, config.budget - paid)))]
            if not batch:
                watcher.note(f"stopped before the budget of ${config.budget:g} was passed")
                return
        names = {id(one.backend): one.backend.info().name for one in batch}
        for backend, name, generation in generate_all(_jobs(batch)):
            one = missing[name]
            row = make_response(name, one.prompt_id, one.repeat, names[id(backend)], generation)
            paid += spent([row])
            if config.cache and name in paid_for:
                cache.keep(row)
            yield name, [row]
        waiting = waiting[len(batch) :]


def _jobs(wanted: Iterable[Wanted]) -> list[tuple[Backend, list[Request]]]:
    """The requests of each backend."""
    found: dict[int, tuple[Backend, list[Request]]] = {}
    for one in wanted:
        found.setdefault(id(one.backend), (one.backend, []))[1].append(one.request)
    return list(found.values())


def ask_missing(
    wanted: Mapping[str, Item],
    there: Mapping[str, object],
    make: Callable[[dict[str, Item]], Iterator[tuple[str, Sequence[Row]]]],
    append: Callable[[Sequence[Row]], object],
    watcher: Counting,
    phase: str,
    tolerated: float = 1.0,
) -> int:
    """The one loop of all that asks a model: makes what is missing and writes it as it comes.

    What is there and did not fail is not made again; a kill loses nothing that was written. Gives
    how many rows were written; none of them stays in memory.

    Args:
        wanted: id -> what is to be asked.
        there: id -> what was made before, by the ids of `wanted`.
        make: id and rows of one thing asked after another, in any order; closed on Ctrl-C, so that
            what is under way is given up and not paid for.
        append: writes rows that belong together in one go.
        watcher: is told how far it is.
        phase: what the watcher calls it.
        tolerated: share of failed rows above which this is no accident.

    Raises:
        MissingError: more than that have failed: the model is not there, or not well.
    """
    missing = {
        name: item
        for name, item in wanted.items()
        if name not in there or getattr(there[name], "error", None) is not None
    }
    if not missing:
        return 0
    watcher.start(phase, len(wanted), len(wanted) - len(missing))
    written, failed = 0, list[str]()
    with closing(_closable(make(missing))) as made:
        try:
            for _, together in made:
                append(together)
                written += len(together)
                for row in together:
                    if isinstance(row, Generation):
                        watcher.made(row)
                        failed += [row.error.message] if row.error is not None else []
                if not any(isinstance(row, Generation) for row in together):
                    watcher.advance()
        except (KeyboardInterrupt, CancelledError):
            watcher.note("interrupted; the same command again goes on from here")
            raise
    if len(failed) > tolerated * len(missing):
        raise MissingError(
            f"{phase}: {len(failed)} of {len(missing)} requests failed ({failed[0]}); run the same "
            f"command again when that is cured: the others are kept"
        )
    return written


def _closable(rows: Iterator[Made]) -> Generator[Made, None, None]:
    yield from rows


def note_model(folder: Run, info: ModelInfo, anew: bool) -> None:
    """Puts a model into run.json: where it is not there yet, or has changed, or always."""
    known = {model.name: model for model in folder.info.models}
    old = known.get(info.name)
    if not anew and old and (old.revision, old.endpoint) == (info.revision, info.endpoint):
        return
    if old is not None and old.details.get("sent"):
        # A run that goes on was perhaps asked otherwise before: both ways stay on record.
        sent = [*old.details["sent"], *info.details.get("sent", ())]
        unlike = {json.dumps(one, sort_keys=True): one for one in sent}
        info = info.model_copy(update={"details": info.details | {"sent": list(unlike.values())}})
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
        changes: dict[str, Any] = {
            "system": options.system,
            "reasoning": options.reasoning,
            "dtype": dtype,
            "body": options.body or None,
        }
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
        id=request_id,
        prompt_id=prompt_id,
        repeat=repeat,
        model=model,
        **(dict(generation) | {"token_ids": None}),
    )
