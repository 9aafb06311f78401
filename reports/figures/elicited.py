"""Figure of what comes unasked against what comes when reasons are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.statistics.intervals import rate
from starprobe.reports.figures.drawing import (
    bars,
    estimate_columns,
    groups,
    in_order,
    layout,
    percent,
    plain,
    share_axis,
)
from starprobe.reports.palette import colour_of, symbol_of
from starprobe.reports.sentences import asks_for

if TYPE_CHECKING:
    import pandas as pd


TOGETHER = 4
"""More conditions than this cannot be told apart on one line: each gets a line of its own."""


def spontaneous_elicited_table(frame: pd.DataFrame, spontaneous: str = "plain") -> pd.DataFrame:
    """Share of full breakdowns unasked and under each condition that asks for reasons."""
    import pandas as pd

    rows = []
    for (model, condition), found in groups(frame, "model", "condition"):
        values = numbers(found, "full")
        share = rate(values, found["question_id"].to_numpy())
        if share.value is not None and (
            condition == spontaneous or asks_for(condition, found) == "reasons"
        ):
            rows.append({"model": model, "condition": condition, **estimate_columns(share)})
    return pd.DataFrame(rows, columns=["model", "condition", "value", "low", "high", "n"])


def spontaneous_elicited(frame: pd.DataFrame, spontaneous: str = "plain") -> go.Figure:
    """Dumbbells: from what a model does unasked to what it does when asked."""
    return draw_spontaneous_elicited(spontaneous_elicited_table(frame, spontaneous), spontaneous)


def draw_spontaneous_elicited(table: pd.DataFrame, spontaneous: str = "plain") -> go.Figure:
    """`spontaneous_elicited` from its table."""
    conditions, models = in_order(table, "condition"), in_order(table, "model")
    if len(conditions) > TOGETHER:
        return _a_row_each(table, spontaneous)
    figure = go.Figure()
    for model in models:
        rows = table[table["model"] == model]
        figure.add_scatter(
            x=[rows["value"].min(), rows["value"].max()],
            y=[plain(model, 34)] * 2,
            mode="lines",
            line={"color": "rgba(140,150,165,0.45)", "width": 9},
            showlegend=False,
            hoverinfo="skip",
        )
    for place, condition in enumerate(conditions):
        rows = table[table["condition"] == condition]
        figure.add_scatter(
            x=rows["value"],
            y=[plain(model, 34) for model in rows["model"]],
            error_x=bars(rows["value"], rows["low"], rows["high"]),
            mode="markers",
            name=plain(condition) + (" (unasked)" if condition == spontaneous else " (asked)"),
            marker={"size": 13, "color": colour_of(place), "symbol": symbol_of(place)},
            customdata=[
                [plain(r.model), percent(r.low), percent(r.high)] for r in rows.itertuples()
            ],
            hovertemplate=(
                "<b>%{customdata[0]}</b>, %{fullData.name}<br>every option in %{x:.0%} "
                "(%{customdata[1]} to %{customdata[2]})<extra></extra>"
            ),
        )
    return layout(
        figure,
        120 + 44 * max(1, len(models)),
        xaxis=share_axis("responses that reason about every option"),
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},
    )


def _a_row_each(table: pd.DataFrame, spontaneous: str) -> go.Figure:
    """A line a model and condition, from what the model does unasked to what it does there."""
    figure = go.Figure()
    for place, model in enumerate(in_order(table, "model")):
        rows = table[table["model"] == model]
        asked = rows[rows["condition"] != spontaneous]
        unasked = rows.loc[rows["condition"] == spontaneous, "value"]
        names = [[plain(model, 34)] * len(asked), [plain(name) for name in asked["condition"]]]
        if len(unasked):
            figure.add_scatter(
                x=[float(unasked.iloc[0])] * len(asked),
                y=names,
                mode="markers",
                name=f"{plain(model, 34)}, unasked",
                marker={"size": 13, "color": colour_of(place), "symbol": "line-ns-open"},
                hovertemplate="<b>%{fullData.name}</b>: %{x:.0%}<extra></extra>",
            )
        figure.add_scatter(
            x=asked["value"],
            y=names,
            error_x=bars(asked["value"], asked["low"], asked["high"]),
            mode="markers",
            name=f"{plain(model, 34)}, asked",
            marker={"size": 11, "color": colour_of(place), "symbol": symbol_of(place)},
            customdata=[
                [plain(r.model), percent(r.low), percent(r.high), plain(r.condition)]
                for r in asked.itertuples()
            ],
            hovertemplate=(
                "<b>%{customdata[0]}</b>, %{customdata[3]}<br>every option in %{x:.0%} "
                "(%{customdata[1]} to %{customdata[2]})<extra></extra>"
            ),
        )
    return layout(
        figure,
        120 + 26 * max(1, len(table)),
        xaxis=share_axis("responses that reason about every option"),
        yaxis={"autorange": "reversed", "automargin": True, "dividerwidth": 1},
    )
