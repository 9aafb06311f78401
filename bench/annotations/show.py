"""What labels say of a run, in lines and tables for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from starprobe.bench.annotations.checked import (
    COMPARED,
    CheckedDifference,
    CheckedMetric,
    ReaderCheck,
    Transfer,
)

if TYPE_CHECKING:
    from rich.table import Table

    from starprobe.bench.annotations.draw import Unlabelled

Name = Callable[[str], str]
FEW = 6
"""Models and conditions that get a line each."""


def points(value: float) -> str:
    """A share as points, with its sign; 0 has none."""
    return f"{found:+d}" if (found := round(100 * value)) else "0"


def verdict_line(check: ReaderCheck) -> str:
    """The first thing to say of a reader on a run: whether it transfers, in one sentence."""
    first = check.transfer[0]
    if first.verdict == "NOT CHECKED":
        return f"NOT CHECKED: nobody has labelled these responses; as read by {check.reader}"
    by = ", ".join(check.by) + (" (a model)" if check.machine else "")
    return (
        f"{first.verdict}: {error_words(first)}; a pass is an error within "
        f"{100 * check.margin:.0f} points; {first.labels} labels by {by}"
    )


def error_words(found: Transfer) -> str:
    """The reader's error in points, with its interval."""
    if found.error is None or found.low is None or found.high is None:
        return "not checked"
    return (
        f"the reader's share of 'every option' is off by {points(found.error)} points "
        f"({points(found.low)} to {points(found.high)})"
    )


def _hints(rows: Sequence[Unlabelled], name: Name) -> Iterator[str]:
    """Over the run, and of the model and condition that is least like the reader's own texts."""
    total = sum(row.responses for row in rows)
    if not total:
        return
    unsure = [(row.grey, row.responses) for row in rows if row.grey is not None]
    if unsure:
        grey = sum(share * count for share, count in unsure) / sum(count for _, count in unsure)
        yield f"  {grey:.0%} of the responses were read with a probability between 0.1 and 0.9"
    unlike = sum(row.unlike * row.responses for row in rows) / total
    yield f"  {unlike:.0%} are unlike the texts that the readers are fitted on"
    unclaimed = sum(row.unclaimed * row.responses for row in rows) / total
    yield (
        f"  {unclaimed:.0%} hardly speak of any option (of those texts "
        f"{rows[0].unclaimed_trained:.0%})"
    )
    worst = max(rows, key=lambda row: row.unlike)
    if worst.unlike > 0:
        ways = ", ".join(f"{way} {share:.0%}" for way, share in worst.marks.items() if share)
        yield f"  most of {name(worst.model)}, {worst.condition}: {worst.unlike:.0%} ({ways})"


def check_parts(check: ReaderCheck, where: str, name: Name = str) -> Iterator[str | Table]:
    """Lines and tables: the verdict, checked figures, agreement; without labels the hints.

    Args:
        check: what metrics.json holds.
        where: the run's folder, for the command that labels.
        name: model -> what to call it.
    """
    yield verdict_line(check)
    if not check.metrics:
        yield from _hints(check.unlabelled, name)
        yield f"Check it: starprobe annotate {where}"
        return
    yield from _cells(check.transfer[1:], name)
    rows = [row for row in check.metrics if row.metric in COMPARED]
    yield checked_table(f"Checked by the labels of {', '.join(check.by)}", rows, name)
    if check.differences:
        yield difference_table(check.differences, name)
    if check.agreement:
        yield _agreement(check)


def _cells(found: Sequence[Transfer], name: Name) -> Iterator[str]:
    """A line for each model and condition, or where they are many, how many got which verdict."""
    if len(found) > FEW:
        counts = Counter(one.verdict for one in found)
        listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        yield f"  by model and condition: {listed}; each is in metrics.json"
        return
    for one in found:
        yield f"  {one.verdict}: {name(one.model or '')}, {one.condition}: {error_words(one)}"


def _table(title: str, columns: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def checked_table(title: str, rows: Sequence[CheckedMetric], name: Name = str) -> Table:
    """Figures as a machine has them and as the labels do."""
    from rich.markup import escape

    names = [f"{name(row.model)}, {row.condition}" for row in rows]
    table = _table(escape(title), ("of", "metric", "as read", "checked", "labels"))
    for row, of in zip(rows, names, strict=True):
        checked = escape(f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]")
        table.add_row(escape(of), row.metric, f"{row.read:.2f}", checked, str(row.labels))
    return table


def difference_table(rows: Sequence[CheckedDifference], name: Name = str) -> Table:
    """Paired differences, after minus before, as read and checked."""
    from rich.markup import escape

    pairs = {(row.model_before, row.model_after) for row in rows}
    several = len(pairs) > 1
    table = _table(
        "Differences, checked by labels",
        ([*(["of"] if several else []), "condition", "metric", "as read", "checked", "labels"]),
    )
    for row in rows:
        one, two = name(row.model_before), name(row.model_after)
        table.add_row(
            *([escape(one if one == two else f"{one} -> {two}")] if several else []),
            escape(row.condition),
            row.metric,
            f"{row.read:+.2f}",
            escape(f"{row.value:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"),
            f"{row.labels_before} + {row.labels_after}",
        )
    return table


def _agreement(check: ReaderCheck) -> Table:
    from rich.markup import escape

    table = _table(
        "Agreement on the same responses",
        ("who", "n", "code kappa", "reasoned F1", "style kappa", "every option", "answer"),
    )
    for row in check.agreement:
        figures = row.codes, row.reasoned, row.style, row.every_option, row.answer
        shown = ("-" if figure is None else f"{figure:.2f}" for figure in figures)
        table.add_row(escape(f"{row.one} / {row.other}"), str(row.responses), *shown)
    return table
