"""Saved runs as one frame, a row a verdict, beside the records each row came from.

Which runs, which reader, and what the page calls each model. Knows no figure and no HTML.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from starprobe.bench.frames import Exchange, key, question_keys, row, tabulate
from starprobe.bench.frames import exchanges as exchanges_of
from starprobe.bench.readers import DEFAULT_READER
from starprobe.bench.records import Response, Verdict
from starprobe.bench.run_folder import Run, chosen_reader, short_names
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SIDE = " · "
"""Between a word that tells runs apart and the name of a model."""


def telling_names(runs: Sequence[Run]) -> list[str]:
    """The folder's name before models that occur in more than one run; else nothing."""
    seen = Counter(model.name for run in runs for model in run.info.models)
    doubled = {name for name, count in seen.items() if count > 1}
    folders = [run.path.resolve().name for run in runs]
    if len(set(folders)) < len(folders):
        folders = [str(run.path) for run in runs]
    return [
        folder if any(model.name in doubled for model in run.info.models) else ""
        for run, folder in zip(runs, folders, strict=True)
    ]


def shown_name(word: str, model: str) -> str:
    return key(f"{word}{SIDE}{model}" if word else model)


def in_run_order(
    runs: Sequence[Run], words: Sequence[str], short: Mapping[str, str], there: set[str]
) -> tuple[str, ...]:
    named = [
        shown_name(word, short[model.name])
        for run, word in zip(runs, words, strict=True)
        for model in run.info.models
    ]
    return tuple(dict.fromkeys([*(name for name in named if name in there), *sorted(there)]))


class Order(tuple[str, ...]):
    """An order of names that is never copied: pandas copies `attrs` deeply at every step."""

    def __deepcopy__(self, memo: object) -> Order:
        """Itself."""
        return self


class Found(NamedTuple):
    """An exchange, the name that its model is shown under, and the place of its run."""

    model: str
    run: int
    exchange: Exchange
    question: str
    """Its content: stem and options, whatever its id."""
    disagree: float = nan
    """Of the options, the share on which another reader says otherwise; NaN with one reader."""


@dataclass(frozen=True)
class Evidence:
    """What a report is made from; `exchanges` stand in the order of the rows of `frame`."""

    runs: tuple[Run, ...]
    reader: str
    """Name of the verdicts taken of every run."""
    frame: pd.DataFrame
    exchanges: list[Exchange]
    models: tuple[str, ...]
    """Names shown, in the order of the runs."""
    failures: dict[str, int] = field(default_factory=dict)
    """Kind of error -> requests without a response."""
    unread: int = 0
    """Responses that the reader has not read."""


@contextmanager
def without_collector() -> Iterator[None]:
    """No garbage collection meanwhile.

    The collector looks at all records again and again as their number grows, which doubles the time
    of reading 100,000 of them, and finds nothing: they hold no cycles.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@without_collector()
def gather(
    paths: Sequence[Path | str], reader: str | None = None, names: Sequence[str] = ()
) -> Evidence:
    """The evidence in these run folders.

    Args:
        paths: run folders; one that is named twice counts once, but as both sides of a comparison.
        reader: the verdicts to take; by default those of the default reader, else of one that has
            read all of them. What nobody has read is read now.
        names: a word for each folder, put before its models' names.

    Raises:
        FolderError: a folder is no run.
        InputError: no folder, or nothing in them to show.
    """
    if not paths:
        raise InputError("no run folder is named; give at least one, as in `starprobe report DIR`")
    if not names:
        paths = list({Path(path).resolve(): path for path in paths}.values())
    runs = tuple(Run(path) for path in paths)
    name = reader_of(runs, reader)
    words = list(names) or telling_names(runs)
    short = short_names(model.name for run in runs for model in run.info.models)
    found: list[Found] = []
    failures: Counter[str] = Counter()
    unread = 0
    for number, (run, word) in enumerate(zip(runs, words, strict=True)):
        responses, questions = run.responses(), question_keys(run.prompts())
        _read_rest(run, name, responses.values(), complete=reader is None)
        others = [run.verdicts(other) for other in run.verdict_names() if other != name]
        read = list(exchanges_of(run, name)) if name in run.verdict_names() else []
        failed = Counter(row.error.kind for row in responses.values() if row.error is not None)
        failures += failed
        unread += len(responses) - failed.total() - len(read)
        for exchange in read:
            called = short.get(exchange.response.model, exchange.response.model)
            differ = disagreement(exchange.verdict, others)
            question = questions[exchange.prompt.id]
            found.append(Found(shown_name(word, called), number, exchange, question, differ))
    if not found:
        raise InputError(f"nothing to show: {_why_empty(runs, failures)}")
    models = in_run_order(runs, words, short, {one.model for one in found})
    labels = question_labels(found)
    found.sort(key=_placing(models, _conditions(runs), labels))
    exchanges = [one.exchange for one in found]
    frame = _frame(found, labels)
    frame.attrs = {"model": Order(models), "condition": Order(_conditions(runs))}
    return Evidence(runs, name, frame, exchanges, models, dict(failures), unread)


def kept(evidence: Evidence, column: str, values: Sequence[str]) -> Evidence:
    """The evidence of some models or conditions alone."""
    frame = evidence.frame
    chosen = frame[frame[column].isin(list(values))]
    rows = chosen["row"].tolist()
    left = chosen.assign(row=range(len(rows))).reset_index(drop=True)
    left.attrs = dict(frame.attrs)
    there = set(left["model"])
    return replace(
        evidence,
        frame=left,
        exchanges=[evidence.exchanges[row] for row in rows],
        models=tuple(name for name in evidence.models if name in there),
    )


def question_labels(found: Iterable[Found]) -> dict[str, str]:
    """Question -> its id; where two questions of the runs have one id, a mark of each behind it."""
    ids: dict[str, str] = {}
    for one in found:
        ids.setdefault(one.question, key(one.exchange.prompt.question_id))
    doubled = {name for name, count in Counter(ids.values()).items() if count > 1}
    return {
        question: f"{name} ({question[:4]})" if name in doubled else name
        for question, name in ids.items()
    }


def reader_of(runs: Sequence[Run], wanted: str | None = None) -> str:
    """The name of the reader whose verdicts to show: one for all runs, or nothing is comparable.

    That of `chosen_reader`; where nobody has read them all, the default one, which reads them now.

    Raises:
        InputError: the reader that is asked for has not read one of them, or it must be named.
    """
    if wanted is None and not set.intersection(*(set(run.verdict_names()) for run in runs)):
        return DEFAULT_READER
    return chosen_reader(runs, wanted)


def disagreement(verdict: Verdict, others: Iterable[Mapping[str, Verdict]]) -> float:
    """The share of options of which another reader says otherwise whether there is a reason.

    Of several other readers, of the one that differs most; NaN where no other has read it.
    """
    shares = [
        sum(_reasoned(verdict, option) != _reasoned(other, option) for option in verdict.options)
        / len(verdict.options)
        for found in others
        if (other := found.get(verdict.id)) is not None and verdict.options
    ]
    return max(shares, default=nan)


def _reasoned(verdict: Verdict, option: str) -> bool:
    there = verdict.options.get(option)
    return there is not None and there.treatment == "reasoned"


def _read_rest(run: Run, name: str, responses: Iterable[Response], *, complete: bool) -> None:
    """Has the default reader read what came in since it read."""
    verdicts = run.verdicts(name)
    missing = any(r.error is None and r.id not in verdicts for r in responses)
    if complete and missing and name == DEFAULT_READER:
        from starprobe.bench.read import classify_run

        classify_run(run)


def _conditions(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for run in runs for name in run.info.conditions))


def _placing(
    models: Sequence[str], conditions: Sequence[str], labels: Mapping[str, str]
) -> Callable[[Found], tuple[str, int, int, int, int]]:
    """Answers to one question stand together: they share words, so they pack well."""
    model_at = {name: place for place, name in enumerate(models)}
    condition_at = {name: place for place, name in enumerate(conditions)}

    def place(item: Found) -> tuple[str, int, int, int, int]:
        model, (prompt, response, _) = item.model, item.exchange
        condition = condition_at.get(prompt.condition, len(condition_at))
        label = labels[item.question]
        return label, condition, prompt.order, model_at[model], response.repeat

    return place


def _frame(found: Sequence[Found], labels: Mapping[str, str]) -> pd.DataFrame:
    """The columns of `bench.metrics.frame`, names as shown, and where each row came from."""
    table = tabulate(row(*one.exchange, one.question) for one in found)
    return table.assign(
        source_question=table["question_id"],
        question_id=[labels[one.question] for one in found],
        source_model=table["model"],
        model=[one.model for one in found],
        run=[one.run for one in found],
        row=range(len(found)),
        disagree=[one.disagree for one in found],
    )


def _why_empty(runs: Sequence[Run], failures: Counter[str]) -> str:
    where = ", ".join(str(run.path) for run in runs)
    if failures:
        kinds = ", ".join(f"{kind} x {count}" for kind, count in failures.most_common(3))
        return f"{where} holds only failed requests ({kinds}); run it again, it goes on"
    return f"{where} holds no responses yet; run it again, it goes on where it stopped"
