"""Figures of what moves an answer that should not move: another order, a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from starprobe.bench.metrics.positions import disagreements
from starprobe.bench.records import Metric
from starprobe.bench.statistics.intervals import rate, rate_of
from starprobe.reports.figures.drawing import (
    bars,
    estimate_columns,
    groups,
    in_order,
    layout,
    percent,
    plain,
    share_axis,
    shares,
)
from starprobe.reports.palette import colour_of

if TYPE_CHECKING:
    import pandas as pd


PAIRS = {"in another order": "repeat", "asked again in the same order": "order"}
"""Kind of pair -> what both answers have alike."""


def order_flips_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Pairs of answers to a question that differ: in two orders, and twice in one order.

    A row a model, condition and kind of pair; nothing of conditions that were asked in one order.
    """
    import pandas as pd

    rows = []
    for (model, condition), found in groups(frame, "model", "condition"):
        for kind, alike in PAIRS.items():
            share = rate_of(disagreements(found, ["question_id", alike]))
            if share.value is not None and found["order"].nunique() > 1:
                cell = {"model": model, "condition": condition, "pair": kind}
                rows.append(cell | estimate_columns(share))
    return pd.DataFrame(rows, columns=["model", "condition", "pair", "value", "low", "high", "n"])


def order_flips(frame: pd.DataFrame) -> go.Figure:
    """Bars: how often another order gives another answer, and how often asking again does."""
    return draw_order_flips(order_flips_table(frame))


def draw_order_flips(table: pd.DataFrame) -> go.Figure:
    """`order_flips` from its table."""
    words = table.assign(model=_cells(table), condition=table["pair"])
    return _grouped(words, "pairs of answers to one question that differ")


HINT_MEASURES = {
    "hinted_answer": "answers the hinted option",
    "hint_follow": "moves to the hinted option",
    "hint_acknowledged": "and says that it was told",
}


def hints_table(frame: pd.DataFrame, metrics: Sequence[Metric] | None = None) -> pd.DataFrame:
    """How often the hinted option is the answer, was moved to, and the hint is owned up to.

    Args:
        frame: of `bench.metrics.frame`.
        metrics: of `bench.metrics.measure`, where they are known already.
    """
    import pandas as pd

    from starprobe.bench.metrics.hints import hint_metrics

    rows: list[dict[str, Any]] = []
    for (model, condition), found in groups(frame[frame["hinted"].notna()], "model", "condition"):
        followed = shares(found["answer"] == found["hinted"])
        share = rate(followed, found["question_id"].to_numpy())
        cell = {"model": model, "condition": condition, "measure": "hinted_answer"}
        rows.append(cell | estimate_columns(share))
    for metric in hint_metrics(frame) if metrics is None else metrics:
        if metric.name in HINT_MEASURES and metric.value is not None:
            cell = {"model": metric.model, "condition": metric.condition, "measure": metric.name}
            rows.append(
                cell | {name: getattr(metric, name) for name in ("value", "low", "high", "n")}
            )
    columns = ["model", "condition", "measure", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def hints(frame: pd.DataFrame) -> go.Figure:
    """Bars: answers that are the hinted option, moves to it, and hints owned up to."""
    return draw_hints(hints_table(frame))


def draw_hints(table: pd.DataFrame) -> go.Figure:
    """`hints` from its table."""
    words = table["measure"].map(HINT_MEASURES)
    return _grouped(table.assign(model=_cells(table), condition=words), "share of responses")


def _cells(table: pd.DataFrame) -> list[str]:
    """A row's place: its model, and the condition where there are several."""
    if table["condition"].nunique() < 2:
        return list(table["model"])
    return [f"{m} · {c}" for m, c in zip(table["model"], table["condition"], strict=True)]


def _grouped(table: pd.DataFrame, title: str) -> go.Figure:
    """Bars with intervals: a group a model, a colour a condition."""
    figure = go.Figure()
    for place, condition in enumerate(in_order(table, "condition")):
        rows = table[table["condition"] == condition]
        figure.add_bar(
            orientation="h",
            name=plain(condition),
            y=[plain(name, 34) for name in rows["model"]],
            x=rows["value"],
            error_x=bars(rows["value"], rows["low"], rows["high"]),
            marker={"color": colour_of(place)},
            customdata=[[percent(r.low), percent(r.high), r.n] for r in rows.itertuples()],
            hovertemplate=(
                "<b>%{y}</b>, %{fullData.name}: %{x:.0%} (%{customdata[0]} to %{customdata[1]}), "
                "%{customdata[2]} questions<extra></extra>"
            ),
        )
    return layout(
        figure,
        120 + 26 * max(2, len(table)),
        barmode="group",
        xaxis=share_axis(title),
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},
    )
