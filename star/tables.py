"""The numbers of a training as tables for people, and what happened to one question.

A column that holds nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from starprobe.bench.records import Comparison
from starprobe.probes.errors import InputError
from starprobe.star.folder import Training
from starprobe.star.records import REASONS, BestOf, Exam, Interval, IterationMetrics, Sample

if TYPE_CHECKING:
    from rich.table import Table

ABOUT: dict[str, str] = {
    "kept": "trained on",
    "error": "the backend gave none",
    "cut": "stops at the limit of tokens",
    "no_answer": "gives no answer, several, or refuses",
    "wrong": "its answer is wrong",
    "working": "a verifier finds its working wrong",
    "label_text": "the closing sentence is missing, or its label and text disagree",
    "leak": "speaks of the hint",
    "contradiction": "its reasons speak against the option that it chooses",
    "arithmetic": "states an equation or a comparison that does not hold",
    "derivation": "works out another number than it answers",
    "style": "does not give a reason for every option",
    "length": "far longer or shorter than the others",
    "inconsistent": "another answer came as often when the options were shuffled",
    "unsupported": "without the hint, the model does not arrive at the answer from it",
    "reward": "a judge or a reward model put it below the threshold",
    "abstained": "the judges did not agree",
    "duplicate": "says the same as an earlier one",
    "cap": "beyond the rows a question may have",
}
"""Reason -> what it means."""


def explain(training: Training, question_id: str) -> Iterator[str]:
    """Lines that tell what happened to one question in every iteration.

    Raises:
        InputError: the training never saw this question.
    """
    splits = training.splits()
    if splits is not None and question_id in splits.removed:
        yield f"{question_id}: left out, {splits.removed[question_id]}"
        return
    if splits is not None and question_id in splits.validation:
        yield f"{question_id}: held out for validation, never trained on"
        return
    if splits is None or question_id not in splits.train:
        raise InputError(f"{training.path} was not trained with a question {question_id!r}")
    for iteration in training.started():
        if iteration.number == 0:
            continue
        rows = [*iteration.samples(), *iteration.rationalized()]
        found = [sample for sample in rows if sample.question_id == question_id]
        yield f"iteration {iteration.number}: {_summary(found)}"
        for sample in found:
            yield from _told(sample)


def _summary(samples: Sequence[Sample]) -> str:
    if not samples:
        return "not asked"
    kept = sum(sample.kept for sample in samples)
    return f"{len(samples)} generations, {kept} kept"


def _told(sample: Sample) -> Iterator[str]:
    letters = " ".join(f"({label}) {option}" for label, option in sample.shown.items())
    yield f"  {sample.id} [{sample.reason}] {ABOUT[sample.reason]}; shown {letters}"
    for line in sample.readable.splitlines():
        yield f"    | {line}"


Cell = Callable[[IterationMetrics], str]


def tables(done: Sequence[IterationMetrics], tested: Exam | None) -> Iterator[Table]:
    """All that hold anything, in the order in which an iteration comes about."""
    found = (
        by_iteration("Samples of the training questions", done, SAMPLES),
        by_iteration("Training questions", done, QUESTIONS),
        fates(done),
        judged(done),
        by_iteration("Rows and training", done, ROWS),
        by_iteration("Minutes (tokens), by phase", done, costs(done)),
        by_iteration("Validation; shares with 95 % intervals", done, VALIDATION),
        by_iteration("What got worse", done, ALARMS),
        by_iteration("Letters: chosen (right ones shown there)", done, LETTERS),
        examined(tested) if tested else None,
    )
    yield from (table for table in found if table is not None)


def by_iteration(
    title: str, done: Sequence[IterationMetrics], columns: Mapping[str, Cell]
) -> Table | None:
    """An iteration a row; None where nothing is told."""
    from rich.table import Table

    cells = {name: [cell(one) for one in done] for name, cell in columns.items()}
    filled = {name: column for name, column in cells.items() if any(column)}
    if not filled:
        return None
    table = Table("round", *filled, title=title, title_justify="left")
    for place, one in enumerate(done):
        row = [column[place] for column in filled.values()]
        if any(row):
            table.add_row(str(one.iteration), *row)
    return table


def percent(value: float | None) -> str:
    """A share without its interval."""
    return "" if value is None else f"{100 * value:.0f}"


def interval(share: Interval | None) -> str:
    """A share with its interval."""
    if share is None or share.value is None:
        return ""
    low, high = share.low or 0.0, share.high or 0.0
    return f"{100 * share.value:.0f} ({100 * low:.0f}-{100 * high:.0f})"


def gained(row: Comparison | None) -> str:
    """A paired difference in points with its interval."""
    if row is None or row.difference is None or row.low is None or row.high is None:
        return ""
    return f"{100 * row.difference:+.0f} ({100 * row.low:+.0f} to {100 * row.high:+.0f})"


def number(value: float | None, digits: int = 0) -> str:
    """A number, or nothing."""
    return "" if value is None else f"{value:,.{digits}f}"


def _asked(text: Callable[[IterationMetrics], object]) -> Cell:
    return lambda one: str(text(one)) if one.questions else ""


def _reason(*reasons: str) -> Cell:
    return lambda one: percent(
        sum(one.reasons.get(reason, 0) for reason in reasons) / one.sampled if one.sampled else None
    )


def _loss(one: IterationMetrics) -> str:
    stats = one.training
    if stats is None or stats.loss_first is None or stats.loss_last is None:
        return ""
    return f"{stats.loss_first:.2f}-{stats.loss_last:.2f}"


def _hinted(one: IterationMetrics) -> str:
    if not one.train_rows or not one.rationalized:
        return ""
    return f"{one.rationalized_rows} ({percent(one.rationalized_share)} %)"


def costs(done: Sequence[IterationMetrics]) -> dict[str, Cell]:
    """A column for each phase that took any time."""
    return {
        name: _phase(name) for name in dict.fromkeys(name for one in done for name in one.seconds)
    }


def _phase(name: str) -> Cell:
    def cell(one: IterationMetrics) -> str:
        if name not in one.seconds:
            return ""
        minutes = f"{one.seconds[name] / 60:.1f}"
        return f"{minutes} ({one.tokens[name]:,})" if one.tokens.get(name) else minutes

    return cell


def _histogram(chosen: Mapping[str, int], right: Mapping[str, int]) -> str:
    labels = sorted({*chosen, *right})
    return "  ".join(f"{one} {chosen.get(one, 0)} ({right.get(one, 0)})" for one in labels)


SAMPLES: dict[str, Cell] = {
    "made": lambda one: str(one.sampled or ""),
    "right %": lambda one: percent(one.sample_accuracy),
    "pass@k %": lambda one: percent(one.pass_at_k),
    "maj@k %": lambda one: percent(one.majority_at_k),
    "silent %": _reason("no_answer", "error"),
    "cut %": _reason("cut"),
    "tokens": lambda one: number(one.sample_length),
    "of kept": lambda one: number(one.kept_length),
}
"""k is the samples of a question; silent ones give no answer."""
QUESTIONS: dict[str, Cell] = {
    "solved": _asked(lambda one: f"{one.solved}/{one.questions}"),
    "new": _asked(lambda one: one.newly_solved),
    "lost": _asked(lambda one: one.lost),
    "different right rationales": lambda one: number(one.distinct, 1),
}
ROWS: dict[str, Cell] = {
    "rows": lambda one: str(one.train_rows or ""),
    "hinted": _hinted,
    "too long": lambda one: str((one.training.rows_too_long if one.training else 0) or ""),
    "steps": lambda one: str(one.training.steps if one.training else ""),
    "loss": _loss,
    "token right %": lambda one: percent(one.training.token_accuracy if one.training else None),
    "judges, $": lambda one: number(one.judging.cost if one.judging else None, 2),
}
VALIDATION: dict[str, Cell] = {
    "right %": lambda one: interval(one.accuracy),
    "gain over the best before, points": lambda one: gained(one.gain),
    "by the last number %": lambda one: interval(one.flexible),
    "answered %": lambda one: interval(one.answered),
    "all options %": lambda one: interval(one.option_by_option),
    "options %": lambda one: percent(one.coverage),
    "closing %": lambda one: interval(one.closing),
    "cut %": lambda one: percent(one.cut),
    "tokens": lambda one: number(one.length),
}
ALARMS: dict[str, Cell] = {"alarms": lambda one: "; ".join(one.alarms)}
LETTERS: dict[str, Cell] = {
    "sampling": lambda one: _histogram(one.sample_letters, one.sample_gold),
    "validation": lambda one: _histogram(one.letters, one.gold),
}


def fates(done: Sequence[IterationMetrics]) -> Table | None:
    """Reasons down, iterations across: how many samples (and rationalizations) met each."""
    from rich.table import Table

    trained = [metrics for metrics in done if metrics.iteration > 0]
    table = Table("reason", *(f"round {one.iteration}" for one in trained), "what it means")
    for reason in REASONS:
        cells = [
            _fate(one.reasons.get(reason, 0), one.rationalized_reasons.get(reason, 0))
            for one in trained
        ]
        if any(cells):
            table.add_row(reason, *cells, ABOUT[reason])
    return table if table.row_count else None


def judged(done: Sequence[IterationMetrics]) -> Table | None:
    """How each judge did in each iteration; None where the answer key decided alone."""
    from rich.table import Table

    if not any(one.judging for one in done):
        return None
    table = Table(
        "round", "judged", "abstained %", "as the key %", "wanted, right %", "judge", "asked",
        "unreadable", "failed", "its own",
        title="Judges; held against the key where it is known", title_justify="left",
    )  # fmt: skip
    for one in done:
        found = one.judging
        for place, judge in enumerate(found.judges if found else ()):
            shares = (found.abstained, found.matches_key, found.wanted_are_right) if found else ()
            cells = [str(one.iteration), str(found.judged if found else 0), *map(interval, shares)]
            counts = (judge.asked, judge.unreadable, judge.failed, judge.self_judging)
            table.add_row(
                *(cells if not place else [""] * len(cells)), judge.judge, *map(str, counts)
            )
    return table


def examined(tested: Exam) -> Table:
    """The test: the base, the chosen iteration, and others that were asked for reporting only."""
    from rich.table import Table

    names = [name for name in VALIDATION if name != "closing %" and not name.startswith("gain")]
    rows = [
        [
            VALIDATION[name](IterationMetrics(**one.model_dump(exclude={"by_tier"})))
            for name in names
        ]
        for one in tested.scored
    ]
    kept = [place for place in range(len(names)) if any(row[place] for row in rows)]
    first = tested.scored[0].accuracy
    table = Table(
        "round",
        *(names[place] for place in kept),
        title=f"Test, asked after the choice: {tested.test}, {first.n if first else 0} questions",
        title_justify="left",
    )
    for one, row in zip(tested.scored, rows, strict=True):
        name = str(one.iteration) if one.iteration else "base"
        chosen = " (chosen)" if one.iteration == tested.best else ""
        table.add_row(name + chosen, *(row[place] for place in kept))
    return table


WAYS = {
    "greedy": "greedy, one response",
    "sampled": "one sample",
    "majority": "the most frequent answer",
    "likeliest": "the likeliest to the model itself",
    "ranker": "the ranker's choice",
    "any": "a right one among them",
}
"""Ways of choosing a response among samples, in words."""


def chosen_among(found: BestOf) -> Table:
    """Right answers to the test by how a response is chosen, and the ranker's lead."""
    from rich.table import Table

    lead = {row.model_before: row for row in found.comparisons}
    table = Table(
        "chosen", "right %", "the ranker is ahead by, points",
        title=f"Test, {found.samples} samples a question; ranker of {found.pairs} pairs",
        title_justify="left",
    )  # fmt: skip
    for name, words in WAYS.items():
        table.add_row(words, interval(found.ways[name]), gained(lead.get(name)))
    return table


MEASURED = {"accuracy": "right", "outcome_answered": "answered", "full_breakdown": "all options"}
"""What two models are compared by, in words."""


def differences(rows: Iterable[Comparison]) -> Iterator[str]:
    """A line for each comparison of base and chosen iteration."""
    for row in rows:
        if row.difference is None or row.low is None or row.high is None or row.p is None:
            continue
        set_name, _, metric = row.metric.rpartition(": ")
        name = (f"{set_name}: " if set_name else "") + MEASURED.get(metric, metric)
        if row.kind == "mean":
            change = f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
            counts = f"{row.n} questions"
        else:
            change = (
                f"{100 * row.difference:+.1f} points "
                f"({100 * row.low:+.1f} to {100 * row.high:+.1f})"
            )
            counts = f"{row.after_only} of {row.n} questions gained, {row.before_only} lost"
        yield f"{name}: {change}; {counts}; {row.test}, p = {row.p:.2g} (Holm {row.p_adjusted:.2g})"


def _fate(samples: int, rationalized: int) -> str:
    if not samples and not rationalized:
        return ""
    return f"{samples} + {rationalized}" if rationalized else str(samples)
