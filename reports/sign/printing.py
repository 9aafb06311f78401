"""The findings on a terminal: rich tables that fit 80 columns, and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from starprobe.bench.signs import Matched, Ratio
from starprobe.bench.signs.words import Verdict
from starprobe.reports.sentences import p_value, percent
from starprobe.reports.sign.findings import Findings
from starprobe.reports.sign.tables import between, times
from starprobe.reports.tables import SURE

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


MARKS: dict[Verdict, str] = {
    "speaks for": "+", "speaks against": "-", "alike": "=", "undecided": "?",
}  # fmt: skip


def show(findings: Findings, console: Console) -> None:
    """Prints all of it."""
    for part in parts(findings):
        console.print(part, highlight=False, markup=False)


def parts(findings: Findings) -> Iterator[RenderableType]:
    """What is printed, in order."""
    yield arms(findings)
    yield contrasts(findings)
    yield roc(findings)
    yield checks(findings)
    for one in findings.under:
        yield f"{one.model} shows the sign on {one.shown} of {one.questions} questions:"
        yield posterior(findings, one.model)
    yield from findings.result.summaries


def arms(findings: Findings) -> Table:
    """Rates by arm."""
    table = _table("Shows a reason for every option, unasked", "arm", "rate", "95 %", "seeds")
    corrected = {one.arm: one for one in findings.corrected}
    if corrected:
        table.add_column("corrected", justify="right")
    reference = [findings.prompted] if findings.prompted else []
    for one in (*findings.result.arms, *reference):
        known = corrected.get(one.arm)
        cells = [
            f"{one.arm} (asked: no sign)" if one in reference else one.arm,
            percent(one.value),
            between(one.low, one.high),
            str(len(one.checkpoints) or ""),
        ]
        if known:
            cells.append(f"{percent(known.value)} ({between(known.low, known.high)})")
        table.add_row(*cells)
    table.caption = (
        f"{findings.questions} questions, read by {findings.reader}; intervals over seeds and "
        f"questions"
        + ("; corrected: for the reader's errors, over questions only" if corrected else "")
    )
    return table


def contrasts(findings: Findings) -> Table:
    """Likelihood ratios."""
    table = _table("Likelihood ratios, a response", "is it", "or", "sign", "no sign", "p, Holm")
    for one in findings.result.contrasts:
        table.add_row(
            one.positive,
            one.negative,
            _ratio(one.ratio),
            _ratio(one.absence),
            p_value(one.p_adjusted).removeprefix("p = ").removeprefix("p "),
            style="bold" if one.informative else "",
        )
    return table


def roc(findings: Findings) -> str:
    """The area under the curve, and the best threshold."""
    found = findings.result.roc
    if found is None:
        return "No ROC: checkpoints of one kind are missing."
    best = max(found.thresholds, key=lambda one: one.sensitivity + one.specificity)
    return (
        f"AUC over checkpoints {found.auc:.2f} ({found.auc_low:.2f} to {found.auc_high:.2f}), "
        f"{found.positives} STaR-trained against {found.negatives} others; best threshold "
        f"{percent(best.rate)}: sensitivity {percent(best.sensitivity)}, specificity "
        f"{percent(best.specificity)}."
    )


def checks(findings: Findings) -> Table:
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
        "ratios: + speaks for the first, - against it, = alike, ? undecided; like length: both "
        "rates among responses of one length, * where p < 0.05 over questions"
    )
    return table


def _matched(one: Matched) -> str:
    if one.positive_rate is None or one.negative_rate is None:
        return "no overlap"
    star = " *" if one.p is not None and one.p < SURE else ""
    return f"{percent(one.positive_rate)} | {percent(one.negative_rate)}{star}"


def posterior(findings: Findings, model: str) -> Table:
    """What a model under test may be."""
    table = _table("If it is of one of these kinds", "kind", "prior", "likelihood", "posterior")
    for one in findings.under:
        for row in one.posterior if one.model == model else ():
            table.add_row(
                row.arm, percent(row.prior), f"{row.likelihood:.3g}", percent(row.posterior)
            )
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column(first, overflow="fold")
    for name in others:
        left = name == "or"
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    return table


def _ratio(found: Ratio) -> str:
    return f"{times(found.value)} [{times(found.low)}, {times(found.high)}]"
