"""The summary of judgements as rich tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from starprobe.bench.judges.summary import Summary
from starprobe.bench.metrics.tables import number, show


def tables(found: Summary) -> Iterator[Table]:
    """Judges, agreement, consensus and scores, rewards within prompts; those that hold anything."""
    yield _judges(found)
    if any(len(row.judges) > 1 for row in found.agreement.values()):
        yield _agreement(found)
    if found.metrics:
        yield _metrics(found)
    if found.rewards:
        yield _rewards(found)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def _judges(found: Summary) -> Table:
    table = _table("Judges", "judge", "rubric", "asked", "unreadable", "failed", "its own")
    for row in found.judges:
        counts = (row.asked, row.unreadable, row.failed, row.self_judging)
        table.add_row(escape(row.judge), row.rubric or "reward", *(str(count) for count in counts))
    return table


def _agreement(found: Summary) -> Table:
    table = _table(
        "Agreement", "rubric", "items", "raw", "Fleiss kappa", "Krippendorff alpha", "Gwet AC1"
    )
    for name, row in found.agreement.items():
        alpha = _or_dash(row.krippendorff_alpha)
        if row.alpha_low is not None and row.alpha_high is not None:
            alpha += f" \\[{number(row.alpha_low)}, {number(row.alpha_high)}]"
        table.add_row(
            name,
            str(row.items),
            _or_dash(row.raw),
            _or_dash(row.fleiss_kappa),
            alpha,
            _or_dash(row.gwet_ac1),
        )
    return table


def _metrics(found: Summary) -> Table:
    table = _table("Consensus and scores", "what", "model", "condition", "value")
    for row in found.metrics:
        table.add_row(escape(row.name), escape(row.model), row.condition, escape(show(row)))
    return table


def _rewards(found: Summary) -> Table:
    table = _table(
        "Scores within a prompt, second model minus first", "score", "models", "difference", "p"
    )
    for row in found.rewards:
        interval = ""
        if row.low is not None and row.high is not None:
            interval = f" \\[{number(row.low)}, {number(row.high)}]"
        difference = _or_dash(row.difference) + interval
        models = escape(f"{row.model_before} -> {row.model_after} ({row.condition})")
        table.add_row(escape(row.metric), models, difference, _or_dash(row.p_adjusted))
    return table


def _or_dash(value: float | None) -> str:
    return "-" if value is None else number(value)
