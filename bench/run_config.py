"""What a run asks, as prompts; what it may cost in dollars; and its run.json before it begins.

Knows nothing of responses, but for what they have cost.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from starprobe.bench.models import ModelName, Models, name_of, parse_model, providers
from starprobe.bench.models.backend import BackendOptions, Request
from starprobe.bench.models.names import entries, find, is_local, redact
from starprobe.bench.records import ModelInfo, Response, RunInfo, Sampling
from starprobe.bench.run_folder import hardware, own_questions, versions
from starprobe.bench.shards import parse_shard
from starprobe.bench.statistics.paired import smallest_difference
from starprobe.probes.conditions import Condition, get_condition, get_conditions
from starprobe.probes.errors import InputError
from starprobe.probes.rendering import left_out, render_set
from starprobe.probes.schema import ProbeSet, Prompt, Question, Record
from starprobe.probes.sets import find_built_in, join_sets, load_probe_set, sample_set
from starprobe.probes.suites import (
    Factor,
    Terms,
    load_suite,
    suite_factors,
    suite_left_out,
    suite_prompts,
    suite_questions,
    suite_terms,
)


def _several_sets(value: object) -> object:
    """One set or question, or many, as a tuple in which loose questions are one set."""
    if isinstance(value, str | ProbeSet | Question):
        value = (value,)
    if not isinstance(value, Sequence) or not any(isinstance(one, Question) for one in value):
        return value
    loose = tuple(one for one in value if isinstance(one, Question))
    return (
        *(one for one in value if not isinstance(one, Question)),
        ProbeSet(name="questions", questions=loose),
    )


def _several_conditions(value: object) -> object:
    return (value,) if isinstance(value, str | Condition) else value


Probes = Annotated[tuple[str | ProbeSet, ...], BeforeValidator(_several_sets)]
Conditions = Annotated[tuple[str | Condition, ...], BeforeValidator(_several_conditions)]


class RunConfig(Record):
    """What to ask, and how."""

    models: Models
    probes: Probes = ("everyday",)
    """Built-in sets or files, or `ProbeSet`s and `Question`s; several are asked as one."""
    conditions: Conditions = ("plain",)
    """Names, or `Condition`s."""
    suite: str | None = None
    """A suite's name or TOML file: it says itself which questions and conditions are asked."""
    orders: int = 1
    """Option orders a question: file order and its rotations."""
    shuffle: int | None = None
    """Seeded shuffles instead of rotations."""
    repeats: int = 1
    limit: int | None = None
    """Questions of each set: a sample by the seed of `sampling`, of every topic its share."""
    sampling: Sampling = Sampling()
    options: BackendOptions = BackendOptions()
    budget: float | None = None
    """US dollars that the run's responses may cost together."""
    shard: str | None = None
    """Only this part of the prompts, as `3/8`: others ask the others."""
    cache: bool = True
    """Whether a response that was paid for in another run is taken from there."""


class Asking(NamedTuple):
    """One thing to ask of a model."""

    prompt: Prompt
    repeat: int


def render_probes(config: RunConfig) -> tuple[ProbeSet, list[Prompt]]:
    """The questions asked, and their prompts under the config's conditions and orders.

    Raises:
        InputError: an unknown set, condition or suite, or a number that does not fit.
    """
    if config.limit is not None and config.limit < 1:
        raise InputError(f"limit must be at least 1, not {config.limit}")
    if config.suite is not None:
        return _of_suite(config, config.suite)
    files = [own_questions(one) for one in config.probes if isinstance(one, ProbeSet)]
    if len(set(files)) < len(files):
        raise InputError("two of the probe sets have the same name; give each a name of its own")
    sets, prompts = [], []
    for one in config.probes:
        name, asked = _called(one), _asked_set(config, one)
        sets.append(asked)
        rendered = render_set(
            asked, list(config.conditions), config.orders, shuffle_seed=config.shuffle
        )
        for place, prompt in enumerate(rendered):
            rendered[place] = prompt.model_copy(update={"probes": name})
        prompts += rendered
    return join_sets(sets), prompts


def not_asked(config: RunConfig) -> list[str]:
    """A line for each condition that does not apply to some of the questions, and why."""
    if config.suite is not None:
        return [
            f"{condition}: not asked of {count} questions of {name}: {reason}"
            for (name, condition, reason), count in suite_left_out(load_suite(config.suite)).items()
        ]
    return [
        f"{condition}: not asked of {count} questions of {_called(one)}: {reason}"
        for one in config.probes
        for (condition, reason), count in left_out(
            _asked_set(config, one), list(config.conditions)
        ).items()
    ]


def _called(one: str | ProbeSet | Condition) -> str:
    return one if isinstance(one, str) else one.name


def _asked_set(config: RunConfig, one: str | ProbeSet) -> ProbeSet:
    return sample_set(load_probe_set(one), config.limit, config.sampling.seed)


def own_sets(config: RunConfig) -> list[ProbeSet]:
    """The sets that the config holds itself, as objects, but for those that come with starprobe."""
    held = [one for one in config.probes if isinstance(one, ProbeSet)]
    return [one for one in held if not _is_built_in(one)]


def _is_built_in(one: ProbeSet) -> bool:
    return find_built_in(one.name) is not None and load_probe_set(one.name) == one


def _set_named(one: str | ProbeSet) -> str:
    """A set as the stored command names it."""
    if isinstance(one, str):
        return one
    return f"{one.name}@{one.hash}" if _is_built_in(one) else f"DIR/{own_questions(one)}"


def own_conditions(config: RunConfig) -> list[Condition]:
    """The conditions that the config holds itself, but for those that a name of ours stands for."""
    held = [one for one in get_conditions(config.conditions) if one in config.conditions]
    return [one for one in held if not _is_named(one)]


def _is_named(condition: Condition) -> bool:
    try:
        return get_condition(condition.name) == condition
    except InputError:
        return False


def asked_of(config: RunConfig, info: ModelInfo, prompts: Iterable[Prompt]) -> Iterator[Asking]:
    """Each prompt and repeat that this model is to answer: a suite may say how often, and of whom.

    A model whose backend does not say that it has no chat format has one.
    """
    terms = _terms_by_id(config)
    base = info.details.get("chat_template") is False
    shard = parse_shard(config.shard)
    for prompt in shard.share(prompts) if shard else prompts:
        own = terms.get(prompt.id) or Terms(prompt)
        repeats = own.base if base else own.chat
        for repeat in range(max(config.repeats, repeats) if repeats else 0):
            yield Asking(prompt, repeat)


def _terms_by_id(config: RunConfig) -> dict[str, Terms]:
    if config.suite is None:
        return {}
    suite = load_suite(config.suite)
    return {one.prompt.id: one for one in suite_terms(suite, config.orders)}


def design_lines(config: RunConfig) -> list[str]:
    """Of a suite that varies orders, wordings or labels: requests and what they can show."""
    if config.suite is None:
        return []
    return [
        _factor_words(factor) for factor in suite_factors(load_suite(config.suite), config.orders)
    ]


def _factor_words(factor: Factor) -> str:
    questions = factor.paired or factor.least
    rise = smallest_difference(questions, 0.5)
    shown = "no difference" if rise is None else f"{100 * rise:.3g} points from 50 %, or more,"
    how = "at both of two levels" if factor.paired else "a level, others at each"
    return (
        f"{factor.set}, {factor.condition}, {factor.name} ({', '.join(factor.levels)}): "
        f"{factor.requests:,} requests a model, {questions} questions {how}; that finds {shown} "
        f"four times in five"
    )


def _of_suite(config: RunConfig, name: str) -> tuple[ProbeSet, list[Prompt]]:
    if config.conditions != RunConfig(models=()).conditions or config.limit is not None:
        raise InputError(
            f"the suite {name!r} says itself what is asked; leave --conditions and --limit out"
        )
    suite = load_suite(name)
    return suite_questions(suite), suite_prompts(suite, config.orders)


def run_info(config: RunConfig, probe_set: ProbeSet, prompts: Sequence[Prompt]) -> RunInfo:
    """run.json of a run that has asked nothing yet."""
    return RunInfo(
        probe_set=probe_set.name,
        probe_hash=probe_set.hash,
        questions=len(probe_set.questions),
        conditions=tuple(dict.fromkeys(prompt.condition for prompt in prompts)),
        orders=max((prompt.order + 1 for prompt in prompts), default=config.orders),
        repeats=max((config.repeats, *(max(one[1:]) for one in _terms_by_id(config).values()))),
        models=(),
        sampling=config.sampling,
        limit=config.limit,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command_line(config),
        versions=versions(),
        hardware=hardware(),
    )


def command_line(config: RunConfig) -> str:
    """The command that repeats this run, but for its output folder, DIR."""
    defaults, sampling = RunConfig(models=config.models), config.sampling
    parts = ["starprobe", "run", *map(name_of, config.models)]
    if config.suite is None:
        for one in config.probes:
            parts += ["--probes", _set_named(one)]
        own = own_conditions(config)
        conditions = [
            f"DIR/conditions.toml:{one.name}" if one in own else _called(one)
            for one in config.conditions
        ]  # fmt: skip
        parts += ["--conditions", ",".join(conditions)]
    told: tuple[tuple[Record, Record, tuple[str, ...]], ...] = (
        (config, defaults, ("suite", "shuffle", "orders", "repeats", "limit")),
        (sampling, defaults.sampling, ("seed", "temperature", "top_p", "max_tokens")),
        (config.options, defaults.options, ("system", "reasoning")),
    )
    for given, usual, names in told:
        for name in names:
            if (value := getattr(given, name)) != getattr(usual, name):
                parts += [f"--{name.replace('_', '-')}", str(value)]
    if config.options.price is not None:
        parts += ["--price", "{:g},{:g}".format(*config.options.price)]
    for name, said in config.options.body.items():
        parts += ["--body", f"{name}={json.dumps(said)}"]
    for name in config.options.headers:
        parts += ["--header", f"{name}: ..."]  # Its value may be a secret.
    # A model's name may carry a URL, and a URL a password.
    return redact(shlex.join([*parts, "--out", "DIR"]))


def spent(responses: Iterable[Response]) -> float:
    """Dollars that these responses have cost, as far as it is known."""
    return sum(row.usage.cost or 0.0 for row in responses if row.usage is not None)


def prices(info: ModelInfo) -> tuple[float, float] | None:
    """Dollars a million tokens in and out; None for a model that costs nothing here.

    Raises:
        InputError: the model costs money and its price is not known.
    """
    price = info.details.get("price")
    if isinstance(price, dict):
        return float(price["input"]), float(price["output"])
    if not costs_money(info):
        return None
    raise InputError(
        f"--budget needs the price of {info.name}, which is not known: say --price IN,OUT "
        f"(dollars a million tokens), or give it one in your models.toml"
    )


def costs_money(info: ModelInfo) -> bool:
    """Whether a model is served by somebody who is paid for it."""
    here = info.endpoint is None or is_local(info.endpoint)
    return not info.name.startswith("ollama:") and not here


def most(request: Request, price: tuple[float, float]) -> float:
    """Dollars that a request can cost at most, if it is answered at the first try."""
    text = "".join(turn.content for turn in request.prompt.messages)
    if request.chat is False:
        text = request.prompt.text
    # A token is at least a byte; a template adds a few tokens a turn.
    tokens = len(text.encode("utf-8", "replace")) + 16 * len(request.prompt.messages)
    return (tokens * price[0] + request.sampling.max_tokens * price[1]) / 1e6


def affordable(
    requests: Sequence[Request], price: tuple[float, float] | None, left: float
) -> Iterator[Request]:
    """The first requests whose highest costs together fit into what is left."""
    for request in requests:
        if price is not None:
            left -= most(request, price)
            if left < 0:
                return
        yield request


def _is_own(model: ModelName) -> bool:
    """Whether nobody sends a bill for it: a server on this machine, or Ollama's."""
    return model.backend == "ollama" or is_local(model.url or providers()[model.backend].url)


class Estimate(NamedTuple):
    """What asking one model takes, before anything is asked."""

    model: str
    requests: int
    tokens_in: int
    """At four characters a token."""
    tokens_out: int
    """If every response were as long as it may be."""
    dollars: float | None
    """At most, where the price is known."""
    free: str = ""
    """Why there are no dollars."""


def estimates(config: RunConfig, prompts: Sequence[Prompt]) -> Iterator[Estimate]:
    """For each model: requests, tokens and the most that they can cost; loads no model.

    Raises:
        InputError: there is no model of that name.
    """
    for model in config.models:
        name = name_of(model)
        asked = [prompt for prompt, _ in asked_of(config, ModelInfo(name=name), prompts)]
        extra = len(config.options.system or "")
        characters = sum(
            extra + sum(len(turn.content) for turn in prompt.messages) for prompt in asked
        )
        tokens_in, tokens_out = characters // 4, len(asked) * config.sampling.max_tokens
        dollars, free = None, "nothing is paid for it"
        price = config.options.price
        if not isinstance(model, str):
            yield Estimate(name, len(asked), tokens_in, tokens_out, None, "a backend of your own")
            continue
        parsed = parse_model(name)
        entry = entries().get(name) or find(parsed.backend, parsed.name, parsed.url)
        if price is None and entry is not None and entry.price is not None:
            price = entry.price.input, entry.price.output
        if price is not None:
            dollars = (tokens_in * price[0] + tokens_out * price[1]) / 1e6
        elif parsed.backend in providers() and not _is_own(parsed):
            free = "its price is not known here"
        yield Estimate(name, len(asked), tokens_in, tokens_out, dollars, free)
