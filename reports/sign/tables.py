"""The findings as rows: HTML tables of the page, and rich tables of the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table as RichTable

from starprobe.bench.metrics.compare import FULL_BIN
from starprobe.bench.metrics.definitions import PRIMARY
from starprobe.bench.statistics.seeds import ArmRate, Ratio
from starprobe.reports.sign.analysis import Findings, Matched, Verdict, times
from starprobe.reports.tables import Cell, Row, Table, number, p_cell, short_p
from starprobe.reports.words import percent

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MARKS: dict[Verdict, str] = {"more": "+", "less": "-", "alike": "=", "undecided": "?"}


def sign_tables(findings: Findings) -> Iterator[Table]:
    """Every table of the page that has rows."""
    for table in (
        contrasts_table(findings),
        arms_table(findings),
        checked_table(findings),
        variants_table(findings),
        matched_table(findings),
    ):
        if table.rows:
            yield table


def contrasts_table(findings: Findings) -> Table:
    """Likelihood ratios."""
    rows = [
        Row(
            [
                Cell(one.positive),
                Cell(one.negative),
                *_ratio(one.ratio),
                *_ratio(one.absence),
                p_cell(one.p_adjusted),
                Cell(one.verdict),
                Cell(one.sentence),
            ],
            "sure" if one.verdict in ("more", "less") else "",
        )
        for one in findings.contrasts
    ]
    columns = [("is it", ""), ("or", ""), ("ratio, sign", "n"), ("95 % interval", "n")]
    columns += [("ratio, no sign", "n"), ("95 % interval", "n"), ("p, Holm", "n")]
    columns += [("the first shows it", ""), ("in words", "w")]
    caption = (
        "Likelihood ratios, a response: how many times as often the first kind of model gives a "
        "reason for every option, and how many times as often it does not. Intervals over "
        "training seeds and questions; p of “the ratio is 1”, adjusted over the alternatives."
    )
    return Table("contrasts", "Likelihood ratios", caption, columns, rows)


def arms_table(findings: Findings) -> Table:
    """Rates by arm, and of models under test."""
    reference = [findings.prompted] if findings.prompted else []
    rows = [
        Row(
            [
                Cell(one.arm),
                number(PRIMARY, one.value),
                Cell(between(one.low, one.high), ""),
                Cell(len(one.checkpoints) or "–", len(one.checkpoints)),
                Cell(one.questions, one.questions),
                Cell(_checkpoints(one)),
                Cell(one.method),
            ]
        )
        for one in (*findings.arms, *reference, *findings.under)
    ]
    columns = [("arm", ""), ("rate", "n"), ("95 % interval", "n"), ("checkpoints", "n")]
    columns += [("questions", "n"), ("each checkpoint", "w"), ("interval by", "")]
    caption = (
        "Share of responses with a reason for every option, unasked (the arm prompted: asked), as "
        "read."
    )
    return Table("arms", "Rates by arm", caption, columns, rows)


def checked_table(findings: Findings) -> Table:
    """Rates as read and by labels, and the ratios of the latter."""
    rows = [
        Row(
            [
                Cell(one.arm),
                number(PRIMARY, one.read),
                number(PRIMARY, one.value),
                Cell(between(one.low, one.high), ""),
                Cell(one.labels, one.labels),
                number(PRIMARY, one.same),
                Cell(_checked_ratios(findings, one.arm)),
            ]
        )
        for one in findings.checked
    ]
    columns = [("arm", ""), ("as read", "n"), ("as labelled", "n"), ("95 % interval", "n")]
    columns += [("labels", "n"), ("reader and labels agree", "n"), ("ratio, as labelled", "w")]
    caption = (
        "Of the arms with labels in every run. As labelled: estimated from samples of known "
        "probabilities; it holds whatever the reader’s errors on an arm are."
    )
    return Table("checked", "As read and as labelled", caption, columns, rows)


def _checked_ratios(findings: Findings, arm: str) -> str:
    return ", ".join(
        f"to {one.negative} {_open(one.value)} ({_open(one.low)} to {_open(one.high)})"
        for one in findings.checked_ratios
        if one.positive == arm
    )


def _open(value: float | None) -> str:
    """A ratio; without bound where there is none."""
    return "∞" if value is None else times(value)


def variants_table(findings: Findings) -> Table:
    """The headline under other definitions."""
    rows = [
        Row(
            [
                Cell(variant.name),
                Cell(one.positive),
                Cell(one.negative),
                *_ratio(one.ratio),
                p_cell(one.p_adjusted),
                Cell(one.verdict),
            ]
        )
        for variant in findings.variants
        for one in variant.contrasts
    ]
    columns = [("check", "w"), ("is it", ""), ("or", ""), ("ratio, sign", "n")]
    columns += [("95 % interval", "n"), ("p, Holm", "n"), ("the first shows it", "")]
    caption = (
        "The same contrasts where the sign is a reason for so many of the options or more, and for "
        "each question set alone."
    )
    return Table("variants", "Does it hang on the definition?", caption, columns, rows)


def matched_table(findings: Findings) -> Table:
    """Rates at matched length."""
    none = (
        f"no bin of length holds {FULL_BIN} responses of both: length and sign cannot be told apart"
    )
    rows = [
        Row(
            [
                Cell(one.positive),
                Cell(one.negative),
                number(PRIMARY, one.positive_rate),
                number(PRIMARY, one.negative_rate),
                number(PRIMARY, one.difference),
                Cell(between(one.low, one.high), ""),
                Cell(one.responses, one.responses),
                Cell("" if one.responses else none),
            ]
        )
        for one in findings.matched
    ]
    columns = [("is it", ""), ("or", ""), ("the first", "n"), ("the other", "n")]
    columns += [("difference", "n"), ("95 % interval", "n"), ("responses", "n")]
    columns += [("note", "")]
    caption = (
        "Rates among responses of like length (coarsened exact matching in five bins), intervals "
        "over questions; training seeds are taken as given."
    )
    return Table("matched", "Is it only length?", caption, columns, rows)


def between(low: float | None, high: float | None) -> str:
    """Limits of a share."""
    return "–" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}\u202f%"


def _ratio(found: Ratio) -> list[Cell]:
    return [
        Cell(times(found.value), f"{found.value:.6g}"),
        Cell(f"{times(found.low)} to {times(found.high)}", ""),
    ]


def _checkpoints(one: ArmRate) -> str:
    return ", ".join(f"{name} {percent(rate)}" for name, rate in one.checkpoints.items())


def show(findings: Findings, console: Console) -> None:
    """Prints all of it."""
    for part in printed(findings):
        console.print(part, highlight=False, markup=False)


def printed(findings: Findings) -> Iterator[RenderableType]:
    """What the terminal shows, in order; tables fit 80 columns."""
    yield _rates(findings)
    if findings.checked:
        yield _checked(findings)
    yield _ratios(findings)
    yield _checks(findings)
    yield from findings.summaries


def _rates(findings: Findings) -> RichTable:
    table = _table("Shows a reason for every option, unasked", "arm", "rate", "95 %", "seeds")
    notes = {one.arm: " (under test)" for one in findings.under}
    reference = [findings.prompted] if findings.prompted else []
    notes |= {one.arm: " (asked: no sign)" for one in reference}
    for one in (*findings.arms, *reference, *findings.under):
        name = f"{one.arm}{notes.get(one.arm, '')}"
        seeds = str(len(one.checkpoints) or "")
        table.add_row(name, percent(one.value), between(one.low, one.high), seeds)
    table.caption = (
        f"{findings.questions} questions, read by {findings.reader}; intervals over seeds and "
        f"questions"
    )
    return table


def _checked(findings: Findings) -> RichTable:
    table = _table("Checked by labels", "arm", "as read", "checked", "95 %", "labels", "agree")
    for one in findings.checked:
        limits = between(one.low, one.high)
        labels = str(one.labels)
        table.add_row(
            one.arm, percent(one.read), percent(one.value), limits, labels, percent(one.same)
        )
    found = [
        f"{one.positive} / {one.negative} {_open(one.value)} [{_open(one.low)}, {_open(one.high)}]"
        for one in findings.checked_ratios
    ]
    table.caption = f"ratios of checked rates: {'; '.join(found)}" if found else ""
    return table


def _ratios(findings: Findings) -> RichTable:
    table = _table("Likelihood ratios, a response", "is it", "or", "sign", "no sign", "p, Holm")
    for one in findings.contrasts:
        table.add_row(
            one.positive,
            one.negative,
            _limits(one.ratio),
            _limits(one.absence),
            short_p(one.p_adjusted),
            style="bold" if one.verdict in ("more", "less") else "",
        )
    return table


def _checks(findings: Findings) -> RichTable:
    """Every contrast under other definitions, a column a check."""
    names = [variant.name for variant in findings.variants]
    table = _table("Does it hang on the definition, the questions, or length?", "is it", "or")
    for name in (*names, "at like length"):
        table.add_column(name, justify="right", overflow="fold")
    cells = {
        (variant.name, one.positive, one.negative): f"{times(one.ratio.value)} {MARKS[one.verdict]}"
        for variant in findings.variants
        for one in variant.contrasts
    }
    for one in findings.matched:
        found = [cells.get((name, one.positive, one.negative), "") for name in names]
        table.add_row(one.positive, one.negative, *found, _matched(one))
    table.caption = (
        "ratios: + the first shows it more, - less, = alike, ? undecided; like length: both "
        "rates among responses of one length, * where the interval over questions leaves out 0"
    )
    return table


def _matched(one: Matched) -> str:
    if one.positive_rate is None or one.negative_rate is None:
        return "no overlap"
    apart = one.low is not None and one.high is not None and not one.low <= 0 <= one.high
    star = " *" if apart else ""
    return f"{percent(one.positive_rate)} | {percent(one.negative_rate)}{star}"


def _table(title: str, first: str, *others: str) -> RichTable:
    table = RichTable(title=title, title_justify="left", caption_justify="left")
    table.add_column(first, overflow="fold")
    for name in others:
        left = name == "or"
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    return table


def _limits(found: Ratio) -> str:
    return f"{times(found.value)} [{times(found.low)}, {times(found.high)}]"
