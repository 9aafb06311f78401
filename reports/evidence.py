"""Saved runs as one frame, a row a verdict, the numbers of their metrics.json, and texts to show.

Which runs, which reader, and what the page calls each model. Nothing is measured here that stands
in a metrics.json: only what several runs amount to together, which no run's file can hold. Knows no
figure and no HTML.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from pydantic import ValidationError

from starprobe.bench.annotations.checked import CheckedDifference, CheckedMetric, ReaderCheck
from starprobe.bench.annotations.draw import Unlabelled
from starprobe.bench.files import Rows
from starprobe.bench.frames import Exchange, finder, frame, key
from starprobe.bench.judges.stage import Summary
from starprobe.bench.metrics.contrasts import between_models, standings
from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.metrics.estimates import split
from starprobe.bench.readers import DEFAULT_READER
from starprobe.bench.records import Comparison, Metric, NotApplicable, Standing
from starprobe.bench.results import METRICS_FORMAT, MetricsFile, ReaderRange, measure_run
from starprobe.bench.run_folder import Run, chosen_reader, short_names
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SIDE = " · "
"""Between a word that tells runs apart and the name of a model."""
Named = TypeVar("Named", Metric, NotApplicable, Standing, CheckedMetric, Unlabelled, ReaderRange)
Pair = TypeVar("Pair", Comparison, CheckedDifference)


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


@dataclass(frozen=True)
class Evidence:
    """What a report is made from: the numbers of all responses, and of some the texts."""

    runs: tuple[Run, ...]
    reader: str
    """Name of the verdicts taken of every run."""
    frame: pd.DataFrame
    """`bench.frames.NUMBERS`, names as shown, and where each row came from."""
    models: tuple[str, ...]
    """Names shown, in the order of the runs."""
    failures: dict[str, int] = field(default_factory=dict)
    """Kind of error -> requests without a response."""
    unread: int = 0
    """Responses that the reader has not read."""


class Texts(NamedTuple):
    """Responses that a page shows whole."""

    frame: pd.DataFrame
    """Their rows of the evidence."""
    exchanges: list[Exchange]
    """One a row."""


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
    import pandas as pd

    if not paths:
        raise InputError("no run folder is named; give at least one, as in `starprobe report DIR`")
    if not names:
        paths = list({Path(path).resolve(): path for path in paths}.values())
    runs = tuple(Run(path) for path in paths)
    name = reader_of(runs, reader)
    words = list(names) or telling_names(runs)
    short = short_names(model.name for run in runs for model in run.info.models)
    tables: list[pd.DataFrame] = []
    failures: Counter[str] = Counter()
    unread = 0
    for number, (run, word) in enumerate(zip(runs, words, strict=True)):
        failed, left = _unread(run, name)
        if left and reader is None and name == DEFAULT_READER:
            from starprobe.bench.read import classify_run

            classify_run(run)
            _, left = _unread(run, name)
        failures += failed
        unread += left
        table = frame(run, name, texts=False) if name in run.verdict_names() else None
        if table is None or not len(table):
            continue
        shown = {m: shown_name(word, short.get(m, m)) for m in table["model"].drop_duplicates()}
        tables.append(
            table.assign(
                source_question=table["question_id"],
                source_model=table["model"],
                model=table["model"].map(shown),
                run=number,
                disagree=disagreements(run, name, table["response_id"]),
            )
        )
    if not tables:
        raise InputError(f"nothing to show: {_why_empty(runs, failures)}")
    whole = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    models = in_run_order(runs, words, short, set(whole["model"].drop_duplicates()))
    whole["question_id"] = whole["question"].map(question_labels(whole))
    whole = _in_order(whole, models, _conditions(runs))
    whole["row"] = range(len(whole))
    whole.attrs = {"model": Order(models), "condition": Order(_conditions(runs))}
    return Evidence(runs, name, whole, models, dict(failures), unread)


def kept(evidence: Evidence, column: str, values: Sequence[str]) -> Evidence:
    """The evidence of some models or conditions alone."""
    whole = evidence.frame
    left = whole[whole[column].isin(list(values))].reset_index(drop=True)
    left.attrs = dict(whole.attrs)
    there = set(left["model"].drop_duplicates())
    models = tuple(name for name in evidence.models if name in there)
    return replace(evidence, frame=left, models=models)


ALIKE = ("model", "question")
"""Responses of one model to one question."""


def texts(evidence: Evidence, alike: Sequence[str] = ALIKE) -> Texts:
    """The responses that a page shows whole: all of them, or a sample of `TEXTS`.

    Responses are sorted by model, condition, and whether the style changes among those that are
    alike, else whether the reader is unsure. Of each such group as many are drawn, or all that it
    has: by a hash of question, order and repeat, so that every page of the same runs draws the
    same, and what is paired is mostly drawn together.

    Args:
        evidence: all of them.
        alike: columns that are the same in responses between which a style may change.
    """
    whole = evidence.frame
    if len(whole) > TEXTS:
        whole = whole.iloc[_drawn(whole, alike)]
    exchanges: dict[int, Exchange] = {}
    for number, run in enumerate(evidence.runs):
        mine = np.flatnonzero(whole["run"] == number)
        find = finder(run, evidence.reader)
        exchanges |= zip(mine.tolist(), map(find, whole["response_id"].iloc[mine]), strict=True)
    return Texts(whole, [exchanges[place] for place in range(len(whole))])


TEXTS = 20_000
"""Responses whose texts a page holds; of more a sample."""
UNSURE = (0.1, 0.9)
"""Probabilities between which a reader is not sure."""


def _drawn(whole: pd.DataFrame, alike: Sequence[str]) -> np.ndarray:
    import pandas as pd

    p = numbers(whole, "p_option_by_option")
    unsure = (p > UNSURE[0]) & (p < UNSURE[1]) | (numbers(whole, "disagree") > 0)
    first = whole.groupby(list(alike), sort=False)["style"].transform("first")
    differs = (whole["style"] != first).groupby([whole[name] for name in alike], sort=False)
    changed = differs.transform("any").to_numpy()
    table = whole[["model", "condition"]].assign(
        kind=np.where(changed, 0, np.where(unsure, 1, 2)),
        chance=pd.util.hash_pandas_object(whole[["question", "arranged", "repeat"]], index=False),
        place=range(len(whole)),
    )
    table = table.sort_values(["chance", "place"], kind="stable")
    rank = table.groupby(["model", "condition", "kind"], sort=False).cumcount().to_numpy()
    return np.sort(table["place"].to_numpy()[np.argsort(rank, kind="stable")[:TEXTS]])


def question_labels(whole: pd.DataFrame) -> dict[str, str]:
    """Question -> its id; where two questions of the runs have one id, a mark of each behind it."""
    first = whole.drop_duplicates("question")
    ids = dict(zip(first["question"], first["question_id"], strict=True))
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


def disagreements(run: Run, reader: str, names: Iterable[str]) -> list[float] | float:
    """For each response the share of options of which another reader says otherwise.

    Whether there is a reason. Of several other readers, of the one that differs most; NaN where no
    other has read it.
    """
    others = [name for name in run.verdict_names() if name != reader]
    if not others:
        return nan
    own, *rest = (Rows(run.path / f"verdicts.{name}.jsonl") for name in (reader, *others))
    return [_disagreement(own.find(name), [other.find(name) for other in rest]) for name in names]


def _disagreement(own: dict[str, Any] | None, others: Iterable[dict[str, Any] | None]) -> float:
    options = (own or {}).get("options")
    shares = [
        sum(_reasoned(options, one) != _reasoned(other["options"], one) for one in options)
        / len(options)
        for other in others
        if options and other is not None
    ]
    return max(shares, default=nan)


def _reasoned(options: dict[str, Any], option: str) -> bool:
    return option in options and options[option]["treatment"] == "reasoned"


def _unread(run: Run, reader: str) -> tuple[Counter[str], int]:
    """Kinds of failures with their numbers, and responses that this reader has not read."""
    verdicts = Rows(run.path / f"verdicts.{reader}.jsonl")
    failures: Counter[str] = Counter()
    unread = 0
    for row in Rows(run.path / "responses.jsonl"):
        if row.get("error") is not None:
            failures[str(row["error"]["kind"])] += 1
        else:
            unread += row["id"] not in verdicts
    return failures, unread


def _conditions(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for run in runs for name in run.info.conditions))


def _in_order(
    whole: pd.DataFrame, models: Sequence[str], conditions: Sequence[str]
) -> pd.DataFrame:
    """Answers to one question stand together: they share words, so they pack well."""
    labels = sorted(whole["question_id"].drop_duplicates())
    keys = ("model", models), ("condition", conditions), ("question_id", labels)
    model, condition, label = (
        whole[column].map({name: place for place, name in enumerate(known)}).fillna(len(known))
        for column, known in keys
    )
    places = np.lexsort((whole["repeat"], model, whole["order"], condition, label))
    return whole.iloc[places].reset_index(drop=True)


def _why_empty(runs: Sequence[Run], failures: Counter[str]) -> str:
    where = ", ".join(str(run.path) for run in runs)
    if failures:
        kinds = ", ".join(f"{kind} x {count}" for kind, count in failures.most_common(3))
        return f"{where} holds only failed requests ({kinds}); run it again, it goes on"
    return f"{where} holds no responses yet; run it again, it goes on where it stopped"


@dataclass(frozen=True)
class Results:
    """The numbers of a page."""

    metrics: tuple[Metric, ...]
    """Of the reader whose verdicts are shown, by model and condition."""
    sets: Mapping[str, tuple[Metric, ...]]
    """Question set -> its headline metrics, where there are several."""
    contrasts: tuple[Comparison, ...]
    """Each condition against its twin, each order against the first, by model."""
    models: tuple[Comparison, ...]
    """Each two models on the same questions."""
    standings: tuple[Standing, ...]
    left_out: tuple[NotApplicable, ...]
    ranges: tuple[ReaderRange, ...]
    """The headline of a model and condition under every reader, where several have read."""
    faithfulness: tuple[Metric, ...]
    judged: tuple[tuple[str, Summary], ...]
    """(folder's name, what judges made of its responses)."""
    checks: tuple[tuple[Path, ReaderCheck], ...]
    """(run folder, what labels say of the reader there)."""

    def of(self, model: str, condition: str) -> dict[str, Metric]:
        """The metrics of a model in a condition, by name."""
        return {
            one.name: one
            for one in self.metrics
            if one.model == model and one.condition == condition
        }

    def by_set(self, model: str, condition: str, name: str) -> dict[str, Metric]:
        """Question set -> this metric of it, where there are several sets."""
        return {
            probes: one
            for probes, metrics in self.sets.items()
            for one in metrics
            if (one.model, one.condition, one.name) == (model, condition, name)
        }

    def renamed(self, names: Mapping[str, str]) -> Results:
        """The same under other names of the models."""
        return replace(
            self,
            metrics=_renamed(self.metrics, names),
            sets={probes: _renamed(rows, names) for probes, rows in self.sets.items()},
            contrasts=_both(self.contrasts, names),
            models=_both(self.models, names),
            standings=_renamed(self.standings, names),
            left_out=_renamed(self.left_out, names),
            ranges=_renamed(self.ranges, names),
            faithfulness=_renamed(self.faithfulness, names),
            checks=tuple((path, _check(check, names)) for path, check in self.checks),
        )

    def checked(self, model: str, condition: str, name: str) -> CheckedMetric | None:
        """What labels have this metric at; None where nobody labelled."""
        for _, check in self.checks:
            for one in check.metrics:
                if (one.model, one.condition, one.metric) == (model, condition, name):
                    return one
        return None


def results_of(evidence: Evidence) -> Results:
    """The numbers of these runs; what is missing or out of date in a metrics.json is made first.

    Raises:
        FolderError: a metrics.json cannot be written.
    """
    files = [stored_results(run, evidence.reader) for run in evidence.runs]
    parts = [
        _shown(found, evidence.reader, _names(evidence, place)) for place, found in enumerate(files)
    ]
    runs = list(zip(evidence.runs, files, strict=True))
    judged = tuple((run.path.name, found.judged) for run, found in runs if found.judged is not None)
    checks = tuple(
        (run.path, _check(found.reader_check, _names(evidence, place), found.machines))
        for place, (run, found) in enumerate(runs)
        if found.reader_check is not None
    )
    if len(parts) == 1:
        return replace(parts[0], judged=judged, checks=checks)
    kept = split(evidence.frame)[0]
    return Results(
        metrics=tuple(row for part in parts for row in part.metrics),
        sets=_joined([part.sets for part in parts]),
        contrasts=tuple(row for part in parts for row in part.contrasts),
        models=tuple(between_models(kept)),
        standings=tuple(standings(kept)),
        left_out=tuple(row for part in parts for row in part.left_out),
        ranges=tuple(row for part in parts for row in part.ranges),
        faithfulness=tuple(row for part in parts for row in part.faithfulness),
        judged=judged,
        checks=checks,
    )


RESTS_ON = (
    "run.json",
    "prompts.jsonl",
    "responses.jsonl",
    "judgements.jsonl",
    "faithfulness.jsonl",
    "machine_labels.jsonl",
)
"""What metrics.json is made of, beside verdicts and annotations."""


def stored_results(run: Run, reader: str) -> MetricsFile:
    """What stands in a run's metrics.json; made anew where it is older than what it rests on.

    Raises:
        FolderError: it has to be made and cannot be written.
    """
    path = run.path / "metrics.json"
    sources = [run.path / name for name in RESTS_ON]
    sources += [*run.path.glob("verdicts.*.jsonl"), *run.path.glob("annotations.*.jsonl")]
    made = path.stat().st_mtime_ns if path.exists() else 0
    if all(source.stat().st_mtime_ns <= made for source in sources if source.exists()):
        with suppress(ValidationError):
            found = MetricsFile.model_validate_json(path.read_bytes())
            if found.format == METRICS_FORMAT and found.reader == reader:
                return found
    return measure_run(run.path, reader)


def _names(evidence: Evidence, run: int) -> dict[str, str]:
    """A run's name of each model -> the name shown."""
    rows = evidence.frame[evidence.frame["run"] == run].drop_duplicates("source_model")
    return dict(zip(rows["source_model"], rows["model"], strict=True))


def _shown(found: MetricsFile, reader: str, names: Mapping[str, str]) -> Results:
    return Results(
        metrics=found.readers[reader],
        sets=found.sets,
        contrasts=found.contrasts[reader],
        models=found.models,
        standings=found.standings,
        left_out=found.not_applicable,
        ranges=found.ranges,
        faithfulness=found.faithfulness,
        judged=(),
        checks=(),
    ).renamed(names)


def _check(
    found: ReaderCheck, names: Mapping[str, str], machines: Sequence[CheckedMetric] = ()
) -> ReaderCheck:
    """Under the names shown, what is checked of other machines behind what is of the reader."""
    return found.model_copy(
        update={
            "metrics": _renamed((*found.metrics, *machines), names),
            "unlabelled": _renamed(found.unlabelled, names),
            "differences": _both(found.differences, names),
        }
    )


def _joined(parts: Iterable[Mapping[str, tuple[Metric, ...]]]) -> dict[str, tuple[Metric, ...]]:
    joined: dict[str, tuple[Metric, ...]] = {}
    for part in parts:
        for probes, rows in part.items():
            joined[probes] = (*joined.get(probes, ()), *rows)
    return joined


def _renamed(rows: Sequence[Named], names: Mapping[str, str]) -> tuple[Named, ...]:
    return tuple(row.model_copy(update={"model": names.get(row.model, row.model)}) for row in rows)


def _both(rows: Sequence[Pair], names: Mapping[str, str]) -> tuple[Pair, ...]:
    return tuple(
        row.model_copy(
            update={
                "model_before": names.get(row.model_before, row.model_before),
                "model_after": names.get(row.model_after, row.model_after),
            }
        )
        for row in rows
    )
