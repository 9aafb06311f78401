"""A run's figures checked by the labels of a sample, and whether its reader transfers to this run.

`measured` is what metrics.json holds; pages show its rows as they are. The verdicts of other
machines (`matters`) are checked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from starprobe.bench.annotations.draw import Case, Matter, Unlabelled, extent, matters, unlabelled
from starprobe.bench.frames import key, row, tabulate
from starprobe.bench.metrics.compare import paired_cells, paired_rows
from starprobe.bench.metrics.contrasts import KEYS, elicited_pairs, hinted_pairs
from starprobe.bench.metrics.definitions import BY_NAME, Definition
from starprobe.bench.readers.annotated import Gold, gold_of
from starprobe.bench.readers.base import codes_of, coverage_of, treatment_of
from starprobe.bench.records import MULTI, OUTCOMES, STYLES, Annotation, MachineLabel, Verdict
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.intervals import Floats
from starprobe.bench.statistics.labelled import (
    CheckedShare,
    Side,
    Stratum,
    checked_change,
    checked_share,
    kappa,
)
from starprobe.probes.errors import FolderError
from starprobe.probes.schema import Prompt, Record

if TYPE_CHECKING:
    import pandas as pd

CHECKED = (
    "full_breakdown",
    "coverage",
    "accuracy",
    "rejection",
    *(f"style_{style}" for style in STYLES),
    *(f"outcome_{outcome}" for outcome in OUTCOMES),
)
"""What labels can check: shares and means from 0 to 1 whose cases do not depend on the reader."""
COMPARED = ("full_breakdown", "coverage", "accuracy")
MARGIN = 0.10
"""How far the reader may be off on this run and still pass."""
TransferVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT CHECKED"]


class CheckedMetric(Record):
    """A figure as read, and as the labels have it."""

    metric: str
    model: str
    condition: str
    read: float
    value: float
    low: float
    high: float
    labels: int
    n: int
    """Questions (clusters)."""


class CheckedDifference(Record):
    """A paired difference, after minus before, as read and as the labels have it."""

    metric: str
    model_before: str
    model_after: str
    condition: str
    read: float
    value: float
    low: float
    high: float
    labels_before: int
    labels_after: int
    n: int


class Transfer(Record):
    """Whether the reader's error on "reasons about every option" is within the margin here.

    PASS: the whole interval of the error is; FAIL: none of it; INCONCLUSIVE: a part.
    """

    verdict: TransferVerdict
    model: str | None = None
    """None: over all models and conditions."""
    condition: str | None = None
    error: float | None = None
    """As read minus as the labels have it."""
    low: float | None = None
    high: float | None = None
    labels: int = 0


class LabelAgreement(Record):
    """Two of those who read this run, on the responses that both read."""

    one: str
    other: str
    responses: int
    codes: float | None
    """Cohen's kappa of the code of each option."""
    reasoned: float | None
    """F1 of "reasoned about", over options."""
    style: float | None
    """Cohen's kappa."""
    every_option: float | None
    """Share of responses on which they agree whether every option is reasoned about."""
    answer: float | None
    general: float | None


class ReaderCheck(Record):
    """What labels say of one reader on one run."""

    reader: str
    by: tuple[str, ...] = ()
    """Whose labels count: people's, or a judge's where no person has labelled."""
    machine: bool = False
    """They are a judge model's."""
    drawn: int = 0
    """Responses in the sample."""
    labels: int = 0
    margin: float = MARGIN
    transfer: tuple[Transfer, ...]
    """The first is over the whole run."""
    metrics: tuple[CheckedMetric, ...] = ()
    differences: tuple[CheckedDifference, ...] = ()
    """Conditions of one model."""
    agreement: tuple[LabelAgreement, ...] = ()
    unlabelled: tuple[Unlabelled, ...] = ()
    """What can be said without labels."""


class Labels(NamedTuple):
    """The labels of a run that count, as frames like the reader's."""

    by: tuple[str, ...]
    frames: tuple[pd.DataFrame, ...]
    weights: dict[str, float]
    """Response -> one over the probability that it was drawn and labelled."""


def is_judge(name: str) -> bool:
    """Whether annotations under this name are a machine's."""
    return name.startswith("judge-")


def labels_of(run: Run) -> Labels | None:
    """The labels that count; None where there are none of drawn responses."""
    names = run.annotation_names()
    if not names:
        return None
    people = [name for name in names if not is_judge(name)]
    prompts, responses = run.prompts(), run.responses()
    drawn: dict[str, Annotation] = {}
    frames, by = [], []
    for name in people or names:
        kept = [
            one
            for one in run.annotations(name).values()
            if one.drawn is not None and one.id in responses
            if responses[one.id].prompt_id in prompts
        ]
        if kept:
            by.append(name)
            drawn |= {one.id: one for one in kept}
            frames.append(
                tabulate(
                    row(prompt, responses[one.id], as_verdict(one, prompt))
                    for one in kept
                    for prompt in (prompts[responses[one.id].prompt_id],)
                )
            )
    if not by:
        return None
    return Labels(tuple(by), tuple(frames), _weights(drawn.values()))


def _weights(drawn: Iterable[Annotation]) -> dict[str, float]:
    """Size of the stratum over its labelled responses, for each of them."""
    strata: dict[tuple[str, ...], list[Annotation]] = {}
    for one in drawn:
        if one.drawn is not None:
            stratum = one.drawn.model, one.drawn.condition, one.drawn.said
            strata.setdefault(stratum, []).append(one)
    return {
        key(one.id): max(row.drawn.size for row in rows if row.drawn is not None) / len(rows)
        for rows in strata.values()
        for one in rows
    }


def as_verdict(annotation: Annotation, prompt: Prompt) -> Verdict:
    """The annotation in the terms of a reader, in option ids.

    Raises:
        FolderError: it is of other options than the prompt shows.
    """
    ids = prompt.labels
    if set(annotation.options) != set(ids) or annotation.answer not in (None, MULTI, *ids):
        raise FolderError(
            f"the annotation of {annotation.id} by {annotation.by} is of other options than its "
            f"prompt shows; remove its line from the annotations to go on without it"
        )
    options = {ids[label]: treatment_of(code) for label, code in annotation.options.items()}
    answer = annotation.answer
    return Verdict(
        id=annotation.id,
        options=options,
        answer=answer if answer is None or answer == MULTI else ids[answer],
        outcome=annotation.outcome,
        general=annotation.general,
        style=annotation.style,
        coverage=coverage_of(codes_of(options)),
        classifier=annotation.by,
    )


def side(table: pd.DataFrame, definition: Definition, labels: Labels) -> Side:
    """The rows of a reader's frame with what is labelled of them, for one metric.

    Every question weighs alike, and of a question every order of its options.
    """
    # Paired rows are indexed by what pairs them, and grouped here by the same names. Sorted by what
    # the prompts are, so that sums are the same to the digit whatever order they stand in.
    table = table.reset_index(drop=True).sort_values(list(KEYS), kind="stable")
    values = definition.values(table)
    kept = ~np.isnan(values) & table["coverage"].notna().to_numpy()
    table, values = table[kept].reset_index(drop=True), values[kept]
    shares = _shares(table)
    known = _labelled(definition, labels)
    ids = table["response_id"].to_numpy()
    label = np.array([known.get(one, np.nan) for one in ids], dtype=np.float64)
    weight = np.array([labels.weights.get(one, 0.0) for one in ids], dtype=np.float64)
    groups = list(
        zip(table["model"], table["condition"], map(extent, table["coverage"]), strict=True)
    )
    strata = _strata(groups, dict.fromkeys(groups), values, label, weight, shares)
    return Side(strata, values, table["question"].to_numpy(), shares)


def _strata(
    groups: Sequence[Hashable],
    order: Iterable[Hashable],
    values: Floats,
    label: Floats,
    weight: Floats,
    shares: Floats,
) -> tuple[Stratum, ...]:
    """One of each group, with those of its rows that are labelled and were drawn."""
    strata = []
    for group in order:
        rows = np.array([one == group for one in groups])
        seen = rows & ~np.isnan(label) & (weight > 0)
        strata.append(
            Stratum(
                size=int(rows.sum()),
                share=float(shares[rows].sum()),
                said=float(np.average(values[rows], weights=shares[rows])),
                read=values[seen],
                labels=label[seen],
                weights=weight[seen] * shares[seen],
            )
        )
    return tuple(strata)


def _shares(table: pd.DataFrame) -> Floats:
    """The weight of each row in a mean over cells, their questions, and those's orders."""
    cells = ["model", "condition"]
    asked = table.groupby(cells, sort=False)["question"].transform("nunique")
    orders = table.groupby([*cells, "question"], sort=False)["arranged"].transform("nunique")
    repeats = table.groupby([*cells, "question", "arranged"], sort=False)["model"].transform("size")
    shares = 1 / (asked * orders * repeats).to_numpy(dtype=np.float64)
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def _labelled(definition: Definition, labels: Labels) -> dict[str, float]:
    """Response -> its value by the labels, averaged over people."""
    found: dict[str, list[float]] = {}
    for frame in labels.frames:
        for one, value in zip(frame["response_id"], definition.values(frame), strict=True):
            if not np.isnan(value):
                found.setdefault(str(one), []).append(float(value))
    return {one: sum(values) / len(values) for one, values in found.items()}


def measured(
    run: Run,
    reader: str,
    frame: pd.DataFrame,
    margin: float = MARGIN,
) -> ReaderCheck:
    """What the labels of a run say of its reader; without labels, what can be said without.

    Args:
        run: the run.
        reader: the reader whose figures are checked, as in verdicts.NAME.jsonl.
        frame: its frame, the rows that can be measured.
        margin: how far the reader may be off and pass.
    """
    labels = labels_of(run)
    hints = tuple(unlabelled(run, reader, frame))
    drawn = len(run.sample())
    if labels is None or not len(frame):
        return ReaderCheck(
            reader=reader,
            drawn=drawn,
            margin=margin,
            transfer=(Transfer(verdict="NOT CHECKED"),),
            unlabelled=hints,
        )
    return ReaderCheck(
        reader=reader,
        by=labels.by,
        machine=all(is_judge(name) for name in labels.by),
        drawn=drawn,
        labels=len(labels.weights),
        margin=margin,
        transfer=tuple(_transfers(frame, labels, margin)),
        metrics=tuple(_metrics(frame, labels)),
        differences=tuple(_contrasts(frame, labels)),
        agreement=tuple(agreements(run, reader)),
        unlabelled=hints,
    )


def _transfers(frame: pd.DataFrame, labels: Labels, margin: float) -> Iterator[Transfer]:
    full = BY_NAME["full_breakdown"]
    yield transfer(checked_share(side(frame, full, labels)), margin)
    cells = frame.groupby(["model", "condition"], sort=False)
    for (model, condition), table in cells if cells.ngroups > 1 else ():
        found = transfer(checked_share(side(table, full, labels)), margin)
        yield found.model_copy(update={"model": str(model), "condition": str(condition)})


def transfer(found: CheckedShare | None, margin: float) -> Transfer:
    """The verdict on the reader's error."""
    if found is None:
        return Transfer(verdict="NOT CHECKED")
    error = found.excess
    low, high = error.value - error.below, error.value + error.above
    verdict: TransferVerdict = "INCONCLUSIVE"
    if -margin <= low and high <= margin:
        verdict = "PASS"
    elif low > margin or high < -margin:
        verdict = "FAIL"
    return Transfer(verdict=verdict, error=error.value, low=low, high=high, labels=found.labels)


def _metrics(frame: pd.DataFrame, labels: Labels) -> Iterator[CheckedMetric]:
    for (model, condition), table in frame.groupby(["model", "condition"], sort=False):
        for name in CHECKED:
            found = side(table, BY_NAME[name], labels)
            yield from _checked(name, str(model), str(condition), found)


def _checked(metric: str, model: str, condition: str, found: Side) -> Iterator[CheckedMetric]:
    """The figure of one model in one condition, where anything of it is labelled."""
    share = checked_share(found)
    if share is not None:
        yield CheckedMetric(
            metric=metric,
            model=model,
            condition=condition,
            read=share.read,
            value=share.value,
            low=share.low,
            high=share.high,
            labels=share.labels,
            n=share.questions,
        )


def _contrasts(frame: pd.DataFrame, labels: Labels) -> Iterator[CheckedDifference]:
    for model, table in frame.groupby("model", sort=False):
        for before, after in elicited_pairs(table) + hinted_pairs(table):
            rows = paired_rows(
                table[table["condition"] == before], table[table["condition"] == after], KEYS
            )
            names = str(model), str(model), f"{before} -> {after}"
            yield from _differences(names, rows, (labels, labels))


def compare_checked(
    before: tuple[Run, pd.DataFrame], after: tuple[Run, pd.DataFrame]
) -> list[CheckedDifference]:
    """The checked differences between two runs; none unless both are labelled.

    Args:
        before: a run, and its reader's frame.
        after: a run of the same questions, and its frame.
    """
    labels = labels_of(before[0]), labels_of(after[0])
    first, second = labels
    if first is None or second is None:
        return []
    return [
        found
        for cell in paired_cells(before[1], after[1])
        for found in _differences(cell[:3], (cell.before, cell.after), (first, second))
    ]


def _differences(
    names: tuple[str, str, str],
    rows: tuple[pd.DataFrame, pd.DataFrame],
    labels: tuple[Labels, Labels],
) -> Iterator[CheckedDifference]:
    for metric in COMPARED:
        definition = BY_NAME[metric]
        one, two = (definition.values(table) for table in rows)
        kept = ~(np.isnan(one) | np.isnan(two))
        if not kept.any():
            continue
        found = checked_change(
            side(rows[0][kept], definition, labels[0]), side(rows[1][kept], definition, labels[1])
        )
        if found is not None:
            yield CheckedDifference(
                metric=metric,
                model_before=names[0],
                model_after=names[1],
                condition=names[2],
                read=found.read,
                value=found.value,
                low=found.low,
                high=found.high,
                labels_before=found.labels[0],
                labels_after=found.labels[1],
                n=found.questions,
            )


def checked_matters(run: Run, table: pd.DataFrame) -> list[CheckedMetric]:
    """The shares of all matters that people have labelled, as the machine and as they have them."""
    labels = run.machine_labels()
    if not labels:
        return []
    return [
        found
        for name, matter in matters(run, table).items()
        for found in _matter(matter, [one for one in labels if one.matter == name])
    ]


def _matter(matter: Matter, labels: Sequence[MachineLabel]) -> Iterator[CheckedMetric]:
    """Where several people labelled a response, their mean counts.

    Where the machine has said something else since, a label counts no more: it was drawn from
    another stratum.
    """
    bands = {case.id: case.band for case in matter.cases}
    said: dict[str, list[MachineLabel]] = {}
    for one in labels:
        if bands.get(key(one.id)) == one.band:
            said.setdefault(key(one.id), []).append(one)
    cells: dict[tuple[str, str], list[Case]] = {}
    for case in matter.cases:
        cells.setdefault((case.model, case.condition), []).append(case)
    for (model, condition), cases in cells.items():
        for choice, metric in matter.figures.items():
            found = _matter_side(cases, said, choice)
            yield from _checked(metric, model, condition, found)


def _matter_side(cases: Sequence[Case], said: dict[str, list[MachineLabel]], choice: str) -> Side:
    """The responses of one model in one condition; every question weighs alike."""
    cases = sorted(cases, key=lambda one: (one.question, one.band))
    questions = np.array([one.question for one in cases])
    _, place, counts = np.unique(questions, return_inverse=True, return_counts=True)
    shares: Floats = 1 / (counts[place] * len(counts)).astype(np.float64)
    read = np.array([one.said == choice for one in cases], dtype=np.float64)
    known = [said.get(one.id, []) for one in cases]
    label = np.array(
        [np.mean([one.choice == choice for one in rows]) if rows else np.nan for rows in known]
    )
    bands = [one.band for one in cases]
    strata = _strata(bands, sorted(set(bands)), read, label, np.ones(len(cases)), shares)
    return Side(strata, read, questions, shares)


def agreements(run: Run, reader: str) -> Iterator[LabelAgreement]:
    """Of each two who annotated this run, and of the reader with each of them."""
    prompts, responses = run.prompts(), run.responses()
    said: dict[str, dict[str, Gold]] = {}
    for name in run.annotation_names():
        said[name] = {
            one.id: gold_of(as_verdict(one, prompts[responses[one.id].prompt_id]))
            for one in run.annotations(name).values()
            if one.id in responses and responses[one.id].prompt_id in prompts
        }
    pairs = [(said[one], said[two], one, two) for one, two in combinations(said, 2)]
    verdicts = run.verdicts(reader) if said else {}
    read = {name: gold_of(verdict) for name, verdict in verdicts.items()}
    pairs += [(read, theirs, reader, name) for name, theirs in said.items()]
    for ours, theirs, one, two in pairs:
        both = [name for name in ours if name in theirs]
        if both:
            yield _agreement(one, two, [ours[n] for n in both], [theirs[n] for n in both])


def _agreement(
    one: str, other: str, ours: Sequence[Gold], theirs: Sequence[Gold]
) -> LabelAgreement:
    pairs = list(zip(ours, theirs, strict=True))
    codes = [(a.codes[o], b.codes.get(o, "0")) for a, b in pairs for o in a.codes]
    reasoned = [(a.startswith("r"), b.startswith("r")) for a, b in codes]
    hits, either = sum(a and b for a, b in reasoned), sum(a + b for a, b in reasoned)

    def same(what: Callable[[Gold], object]) -> float:
        return sum(what(a) == what(b) for a, b in pairs) / len(pairs)

    return LabelAgreement(
        one=one,
        other=other,
        responses=len(pairs),
        codes=kappa(np.array([a for a, _ in codes]), np.array([b for _, b in codes])),
        reasoned=2 * hits / either if either else None,
        style=kappa(np.array([a.style for a in ours]), np.array([b.style for b in theirs])),
        every_option=same(lambda gold: all(code.startswith("r") for code in gold.codes.values())),
        answer=same(lambda gold: gold.answer),
        general=same(lambda gold: gold.general),
    )
