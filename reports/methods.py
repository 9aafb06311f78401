"""The methods section: everything in run.json that is needed to repeat and to judge a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from starprobe.bench.records import Metric, NotApplicable, RunInfo
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import UserError
from starprobe.reports.embed import Secrets
from starprobe.reports.evidence import Evidence
from starprobe.reports.results import Results
from starprobe.reports.words import RARE_BELOW, SHOWS_FROM, UNSURE_ABOVE

Fact = tuple[str, list[Any]]


class Methods(NamedTuple):
    """Facts as (words, items), and commands as (words, command)."""

    facts: list[Fact]
    commands: list[tuple[str, Any]]


def methods(
    evidence: Evidence,
    results: Results | None,
    tests: Iterable[str],
    secrets: Secrets,
) -> Methods:
    """How the runs were made and read, and how the numbers were worked out.

    Args:
        evidence: the runs.
        results: for the methods of their intervals, and what is left out; None: neither is told.
        tests: names of the tests used.
        secrets: takes what names a model, where names are hidden.
    """
    metrics, out = (results.metrics, results.left_out) if results else ((), ())
    facts = [
        *_questions(evidence.runs),
        *_models(evidence.runs, secrets),
        *_reading(evidence),
        ("Not applicable", [_left_out(one, secrets) for one in out]),
        *_numbers(metrics, tests),
        *_machine(evidence.runs, secrets),
    ]
    word = "This command repeats the run:" if len(evidence.runs) == 1 else "These repeat the runs:"
    commands = [
        (word if not place else "", secrets.hide(run.info.command, "hidden with the names"))
        for place, run in enumerate(evidence.runs)
    ]
    return Methods([(words, items) for words, items in facts if items], commands)


def _questions(runs: Sequence[Run]) -> Iterator[Fact]:
    infos = [run.info for run in runs]
    yield (
        "Questions",
        _unique(
            f"{i.probe_set} (hash {i.probe_hash}), {_count(i.questions, 'question')}" for i in infos
        ),
    )
    yield (
        "Conditions",
        [_condition(name) for name in dict.fromkeys(c for i in infos for c in i.conditions)],
    )
    yield (
        "Orders, repeats",
        _unique(
            f"{_count(i.orders, 'order')} of the options, {_count(i.repeats, 'repeat')} each"
            for i in infos
        ),
    )
    yield "Sampling", _unique(_sampling(i) for i in infos)


def _condition(name: str) -> str:
    from starprobe.probes.conditions import get_condition

    try:
        found = get_condition(name)
    except UserError:
        return name
    kind = "asked for" if found.elicited else "spontaneous"
    source = f" Source: {found.source}" if found.source else ""
    return f"{name} ({kind}): {found.about}{source}"


def _sampling(info: RunInfo) -> str:
    if info.imported:
        return "imported: the responses were made elsewhere"
    s = info.sampling
    how = "greedy" if s.temperature == 0 else f"temperature {s.temperature:g}, top-p {s.top_p:g}"
    return f"{how}, at most {s.max_tokens} tokens, seed {s.seed}"


def _models(runs: Sequence[Run], secrets: Secrets) -> Iterator[Fact]:
    items = []
    for model in {m.name: m for run in runs for m in run.info.models}.values():
        parts = [model.name]
        if model.revision:
            parts.append(f"revision {model.revision}")
        if model.endpoint:
            parts.append(f"at {model.endpoint}")
        parts += [f"{key} {value}" for key, value in model.details.items() if _small(value)]
        parts += [f"sent {_sent(one)}" for one in model.details.get("sent", ())]
        if left_out := model.details.get("not_sent"):
            parts.append(f"not sent, since it is refused: {', '.join(left_out)}")
        items.append(secrets.hide(", ".join(parts)))
    yield "Models", items


def _sent(body: Mapping[str, Any]) -> str:
    """What was sent beside the question, in short."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in body.items()) + "}"


def _small(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and len(str(value)) <= 80


def _reading(evidence: Evidence) -> Iterator[Fact]:
    readers = evidence.frame["classifier"].drop_duplicates()
    yield "Reader", [_reader(str(name)) for name in readers]
    count = len(evidence.frame)
    items = [f"{count:,} responses read"]
    items += [f"{n:,} requests without a response: {kind}" for kind, n in evidence.failures.items()]
    if evidence.unread:
        items.append(f"{evidence.unread:,} responses that this reader has not read")
    yield "Responses", items


def _left_out(one: NotApplicable, secrets: Secrets) -> Any:
    return secrets.hide(f"{one.model}, {one.condition}: {one.reason}", "hidden with the names")


def _reader(name: str) -> str:
    """The reader, and how it does on annotated responses that it has not learned from."""
    from starprobe.bench.readers import measured

    found = measured(name)
    if found is None:
        return name
    return (
        f"{name}; against a large language model’s labels, on {found['responses']:,} responses "
        f"that it has not learned from: option reasoned about or not, F1 "
        f"{found['reasoned_f1']:.2f}; side {found['side_accuracy']:.2f}; answer "
        f"{found['answer_accuracy']:.2f}; style, Cohen’s kappa {found['style_kappa']:.2f}"
    )


def _numbers(metrics: Sequence[Metric], tests: Iterable[str]) -> Iterator[Fact]:
    yield (
        "Intervals",
        ["95 %, the question as unit", *_unique(m.method for m in metrics if m.value is not None)],
    )
    named = _unique(test for test in tests if test)
    if named:
        yield "Tests", named
    yield (
        "Words",
        [
            f"“breaks down every option”: the whole interval is at or above {SHOWS_FROM:.0%}; "
            f"“rarely does”: it is below {RARE_BELOW:.0%}; “does at times”: else. Nothing is "
            f"said where it is wider than {UNSURE_ABOVE:.0%}, or goes beyond {RARE_BELOW:.0%} "
            f"though none was seen. An answer that is missing, refused or cut short is not right, "
            f"and is no wrong choice either.",
            "Of a difference: “more” or “less” where its test says so, “alike” where its interval "
            "lies inside the margin, else “undecided”.",
        ],
    )


def _machine(runs: Sequence[Run], secrets: Secrets) -> Iterator[Fact]:
    infos = [run.info for run in runs]
    yield "Made", _unique(info.created for info in infos)
    yield (
        "Software",
        _unique(", ".join(f"{n} {v}" for n, v in info.versions.items()) for info in infos),
    )
    yield (
        "Hardware",
        _unique(", ".join(f"{n}: {v}" for n, v in info.hardware.items()) for info in infos),
    )
    yield "Run folders", [secrets.hide(str(run.path)) for run in runs]


def _unique(items: Iterable[str]) -> list[str]:
    return [item for item in dict.fromkeys(items) if item]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
