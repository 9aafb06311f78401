"""The commands of the bench, and what commands share: kinds of option, and how asking ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.models import BackendOptions
    from starprobe.bench.records import Generation, Response
    from starprobe.bench.run_folder import Run

MODULES = ("asking", "responses", "annotate", "metrics")


def register(app: typer.Typer) -> None:
    """Adds them all."""
    for name in MODULES:
        import_module(f"{__name__}.{name}").register(app)


def names(said: str) -> tuple[str, ...]:
    """The names in a list with commas; those before a further address of a model part nothing."""
    return tuple(name.strip() for name in re.split(r",(?!https?://)", said) if name.strip())


def complete(where: str) -> Callable[[str], list[str]]:
    """Completion of a value, or of the last one of a list with commas.

    `where` is MODULE:NAME of a collection of words, or of a function that gives one; it is imported
    when somebody asks for it.
    """

    def found(incomplete: str) -> list[str]:
        words = resolve_name(f"starprobe.{where}")
        before, comma, last = incomplete.rpartition(",")
        listed = words() if callable(words) else words
        return [f"{before}{comma}{word}" for word in listed if word.startswith(last)]

    return found


def known_names() -> list[str]:
    """Models with a friendly name."""
    from starprobe.bench.models import known_models

    return [row.name for row in known_models([]) if row.name]


Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...",
        help="smollm2, hf:NAME, ...",
        autocompletion=complete("bench.cli:known_names"),
    ),
]
Conditions = Annotated[
    str,
    typer.Option(
        help="Ways of asking, by comma: built in, combined with +, or FILE.toml:NAME.",
        autocompletion=complete("probes.conditions:built_in_conditions"),
    ),
]
Probes = Annotated[
    list[str],
    typer.Option(
        help="A built-in set or a file of questions; may be given again.",
        autocompletion=complete("probes.sets:BUILT_IN"),
    ),
]
Orders = Annotated[int, typer.Option(min=1, help="Option orders a question.")]
Shuffle = Annotated[
    int | None, typer.Option(help="Shuffle the options by this seed, not rotate them.")
]
Repeats = Annotated[int, typer.Option(min=1, help="Responses a prompt.")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Only so many questions of a set, of every topic.")
]
OnlyModels = Annotated[
    list[str] | None, typer.Option("--model", help="Only this model; may be given again.")
]
OnlyConditions = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        help="Only this condition; may be given again.",
        autocompletion=complete("probes.conditions:built_in_conditions"),
    ),
]
Suite = Annotated[
    str | None,
    typer.Option(
        help="Ask a suite of sets and conditions instead: seed, battery, or a TOML file.",
        autocompletion=complete("probes.suites:SUITES"),
    ),
]
Reader = Annotated[
    str | None,
    typer.Option(
        help="The reader: its name, rules, or judge:MODEL; default: the best.",
        autocompletion=complete("bench.readers:READERS"),
    ),
]
Seed = Annotated[int, typer.Option(help="Of all that is drawn by chance.")]
Temperature = Annotated[float, typer.Option(min=0, help="0 is greedy.")]
TopP = Annotated[float, typer.Option(min=0, max=1, help="Nucleus sampling.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Length of a response.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Prompts together, local models.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
BaseModel = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Base of an adapter whose own is not where it says."),
]
Concurrency = Annotated[int, typer.Option(min=1, help="Requests at once to a server.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds for one try.")]
Retries = Annotated[int, typer.Option(min=0, help="More tries on passing faults.")]
Header = Annotated[
    list[str] | None, typer.Option(metavar="NAME:VALUE", help="Sent to servers, too.")
]
Body = Annotated[
    list[str] | None, typer.Option(metavar="KEY=JSON", help="Put into every request, too.")
]
ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard", metavar="I/N", help="Do only the I-th of N parts; `starprobe merge` joins them."
    ),
]
AnyFailure = Annotated[
    bool, typer.Option("--fail-on-any", help="Exit with 1 if even one request failed.")
]


def options_of(said: Mapping[str, Any]) -> BackendOptions:
    """How a backend is to run, of the arguments of a command, its `locals()`.

    Those count that are fields of `BackendOptions`, and `timeout` and `header`.

    Raises:
        InputError: a value that does not fit.
    """
    from starprobe.bench.models.backend import (
        BackendOptions,
        body_of,
        headers_of,
        make_options,
        price_of,
    )

    settings = {name: said[name] for name in BackendOptions.model_fields if name in said}
    if "timeout" in said:
        settings["timeout_s"] = said["timeout"]
    settings["headers"] = headers_of(said.get("header") or ())
    settings["body"] = body_of(said.get("body") or ())
    settings["price"] = price_of(said["price"]) if said.get("price") else None
    return make_options(**settings)


class Ending(NamedTuple):
    """What one model, or judge, gave."""

    model: str
    answered: int
    failed: Counter[str]
    """Kind of error -> requests that ended in it."""
    first: dict[str, str]
    """Kind of error -> what the first said, with what to do."""


def endings(rows: Iterable[tuple[str, Generation]]) -> list[Ending]:
    """What each model gave, in the order of the rows: (model, response or judgement)."""
    found: dict[str, Ending] = {}
    for model, row in rows:
        ending = found.setdefault(model, Ending(model, 0, Counter(), {}))
        if row.error is None:
            found[model] = ending._replace(answered=ending.answered + 1)
        else:
            ending.failed[row.error.kind] += 1
            ending.first.setdefault(row.error.kind, row.error.message)
    return list(found.values())


def say_endings(found: Iterable[Ending], console: Console, any_failure: bool = False) -> bool:
    """Prints the first error of each kind; gives whether the command has failed.

    It has where a model gave nothing, or, if `any_failure` asks for that, where any request failed.
    """
    failed = False
    for one in found:
        failed = failed or bool(one.failed and (any_failure or not one.answered))
        for kind, count in one.failed.most_common():
            requests = "request" if count == 1 else "requests"
            console.print(
                f"{one.model}: {count} {requests} failed ({kind}): {one.first[kind]}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
    return failed


def run_endings(run: Run) -> list[Ending]:
    """What each model of a run gave."""
    rows: Iterable[Response] = run.responses().values()
    return endings((row.model, row) for row in rows)
