"""Figures of what moves an answer that should not move: another order, a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from bench.records import Metric
from bench.statistics import rate
from reports.figures.drawing import (
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
from reports.palette import colour_of

if TYPE_CHECKING:
    import pandas as pd


def order_flips_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of questions whose answered option changes with the order, by model and condition."""
    import pandas as pd

    rows = []
    answered = frame[frame["answer"].notna()]
    for (model, condition), found in groups(answered, "model", "condition"):
        by_question = found.groupby("question_id", sort=False).agg(
            orders=("order", "nunique"), answers=("answer", "nunique")
        )
        several = by_question[by_question["orders"] > 1]
        flipped = shares(several["answers"] > 1)
        share = rate(flipped, several.index.to_numpy())
        if share.value is not None:
            rows.append({"model": model, "condition": condition, **estimate_columns(share)})
    return pd.DataFrame(rows, columns=["model", "condition", "value", "low", "high", "n"])


def order_flips(frame: pd.DataFrame) -> go.Figure:
    """Bars: how often another order of the same options gives another answer."""
    return draw_order_flips(order_flips_table(frame))


def draw_order_flips(table: pd.DataFrame) -> go.Figure:
    """`order_flips` from its table."""
    return _grouped(table, "questions whose answer changes with the order")


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

    from bench.metrics.hints import hint_metrics

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
    several = table["condition"].nunique() > 1
    cells = [
        f"{model} · {condition}" if several else model
        for model, condition in zip(table["model"], table["condition"], strict=True)
    ]
    words = table["measure"].map(HINT_MEASURES)
    return _grouped(table.assign(model=cells, condition=words), "share of responses")


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
