"""What happened to one question over a whole training, and an iteration's fates as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from probes.errors import InputError
from star.records import REASONS, Interval, IterationMetrics, Sample, Tested
from star.storage import Training

if TYPE_CHECKING:
    from rich.table import Table

ABOUT: dict[str, str] = {
    "kept": "trained on",
    "error": "the backend gave none",
    "cut": "stops at the limit of tokens",
    "no_answer": "gives no answer, several, or refuses",
    "wrong": "its answer is wrong",
    "label_text": "the closing sentence is missing, or its label and text disagree",
    "leak": "speaks of the hint",
    "contradiction": "its reasons speak against the option that it chooses",
    "arithmetic": "states an equation or a comparison that does not hold",
    "derivation": "works out another number than it answers",
    "style": "does not give a reason for every option",
    "length": "far longer or shorter than the others",
    "inconsistent": "another answer came more often when the options were shuffled",
    "likelihood": "without the hint, it does not make the right answer likelier",
    "reward": "a judge or a reward model put it below the threshold",
    "abstained": "the judges did not agree",
    "duplicate": "says the same as an earlier one",
    "cap": "beyond the rows a question may have",
    "share": "beyond the share that rationalized rows may have",
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


def fates(done: Sequence[IterationMetrics]) -> Table:
    """Reasons down, iterations across: how many samples (and rationalizations) met each."""
    from rich.table import Table

    trained = [metrics for metrics in done if metrics.iteration > 0]
    table = Table("reason", *(f"iteration {one.iteration}" for one in trained), "what it means")
    for reason in REASONS:
        cells = [
            _cell(one.reasons.get(reason, 0), one.rationalized_reasons.get(reason, 0))
            for one in trained
        ]
        if any(cells):
            table.add_row(reason, *cells, ABOUT[reason])
    return table


def progress(done: Sequence[IterationMetrics]) -> Table:
    """An iteration a row: what was solved, trained on, and how validation came out."""
    from rich.table import Table

    table = Table(
        "round", "solved", "new", "lost", "rows", "hinted", "loss", "right %", "all options %",
        "closing %", "cut %", "min",
        title="Validation: share, 95 % interval; hinted: rows made with the hint",
    )  # fmt: skip
    for one in done:
        stats = one.training
        loss = ""
        if stats is not None and stats.loss_first is not None and stats.loss_last is not None:
            loss = f"{stats.loss_first:.1f}-{stats.loss_last:.1f}"
        table.add_row(
            str(one.iteration),
            f"{one.solved}/{one.questions}" if one.questions else "",
            str(one.newly_solved) if one.questions else "",
            str(one.lost) if one.questions else "",
            str(one.train_rows or ""),
            str(one.rationalized_rows or ""),
            loss,
            *(_percent(share) for share in (one.accuracy, one.option_by_option, one.closing)),
            "" if one.cut is None else f"{100 * one.cut:.0f}",
            f"{sum(one.seconds.values()) / 60:.1f}",
        )  # fmt: skip
    return table


def judged(done: Sequence[IterationMetrics]) -> Table | None:
    """How each judge did in each iteration; None where the answer key decided alone."""
    from rich.table import Table

    if not any(one.judging for one in done):
        return None
    table = Table(
        "round", "judged", "abstained %", "as the key %", "wanted, right %", "judge", "asked",
        "unreadable", "failed", "its own",
        title="Judges; held against the key where it is known",
    )  # fmt: skip
    for one in done:
        found = one.judging
        for place, judge in enumerate(found.judges if found else ()):
            shares = (found.abstained, found.matches_key, found.wanted_are_right) if found else ()
            cells = [str(one.iteration), str(found.judged if found else 0), *map(_percent, shares)]
            counts = (judge.asked, judge.unreadable, judge.failed, judge.self_judging)
            table.add_row(
                *(cells if not place else [""] * len(cells)), judge.judge, *map(str, counts)
            )
    return table


def examined(tested: Tested) -> Table:
    """The test: the base, the chosen iteration, and others that were asked for reporting only."""
    from rich.table import Table

    table = Table(
        "round", "right %", "answered %", "all options %", "cut %", "tokens",
        title=f"Test: {tested.test}, {_questions(tested)} questions, asked after the choice",
    )  # fmt: skip
    for one in tested.scored:
        chosen = " (chosen)" if one.iteration == tested.best else ""
        table.add_row(
            f"{one.iteration}{chosen}" if one.iteration else f"base{chosen}",
            *(_percent(share) for share in (one.accuracy, one.answered, one.option_by_option)),
            "" if one.cut is None else f"{100 * one.cut:.0f}",
            "" if one.length is None else f"{one.length:.0f}",
        )
    return table


def differences(tested: Tested) -> Iterator[str]:
    """A line for each comparison of base and chosen iteration on the test."""
    words = {"accuracy": "right", "outcome_answered": "answered", "full_breakdown": "all options"}
    for row in tested.comparisons:
        if row.difference is None or row.low is None or row.high is None or row.p is None:
            continue
        yield (
            f"{words.get(row.metric, row.metric)}: {100 * row.difference:+.1f} points "
            f"({100 * row.low:+.1f} to {100 * row.high:+.1f}); {row.after_only} questions gained, "
            f"{row.before_only} lost; {row.test}, p = {row.p:.2g} (Holm {row.p_adjusted:.2g})"
        )


def _questions(tested: Tested) -> int:
    accuracy = tested.scored[0].accuracy
    return accuracy.n if accuracy else 0


def _percent(share: Interval | None) -> str:
    if share is None or share.value is None:
        return ""
    low, high = share.low or 0.0, share.high or 0.0
    return f"{100 * share.value:.0f} ({100 * low:.0f}-{100 * high:.0f})"


def _cell(samples: int, rationalized: int) -> str:
    if not samples and not rationalized:
        return ""
    return f"{samples} + {rationalized}" if rationalized else str(samples)


def _summary(samples: Sequence[Sample]) -> str:
    if not samples:
        return "not asked"
    kept = sum(sample.kept for sample in samples)
    return f"{len(samples)} generations, {kept} kept"


def _told(sample: Sample) -> Iterator[str]:
    letters = " ".join(f"({label}) {option}" for label, option in sample.shown.items())
    yield f"  {sample.id} [{sample.reason}] {ABOUT[sample.reason]}; shown {letters}"
    for line in sample.text.splitlines():
        yield f"    | {line}"
