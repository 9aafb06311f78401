"""Figures of answers: right or not, and which letter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from starprobe.bench.metrics.definitions import numbers, right_of_all
from starprobe.bench.statistics.intervals import mean, rate
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
from starprobe.reports.palette import colour_of, symbol_of

if TYPE_CHECKING:
    import pandas as pd


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DRAWN_LETTERS = 10
LABELLED = 16
"""More points than this cannot all bear their names: the outermost do, on thin crosses."""
CROWDED = 30
"""More bars than this leave no room for their intervals."""


def accuracy_coverage_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and mean coverage by model and condition, both with intervals."""
    import pandas as pd

    rows = []
    for (model, condition), found in groups(frame, "model", "condition"):
        questions = found["question_id"].to_numpy()
        right = rate(right_of_all(found), questions)
        coverage = mean(numbers(found, "coverage"), questions, bounded=True)
        if right.value is None or coverage.value is None:
            continue
        rows.append(
            {
                "model": model,
                "condition": condition,
                "accuracy": right.value,
                "accuracy_low": right.low,
                "accuracy_high": right.high,
                "coverage": coverage.value,
                "coverage_low": coverage.low,
                "coverage_high": coverage.high,
                "n": right.n,
            }
        )
    return pd.DataFrame(
        rows,
        columns=[
            *("model", "condition", "accuracy", "accuracy_low", "accuracy_high"),
            *("coverage", "coverage_low", "coverage_high", "n"),
        ],
    )


def accuracy_coverage(frame: pd.DataFrame) -> go.Figure:
    """Accuracy against coverage: a colour a model, a mark a condition, intervals both ways."""
    return draw_accuracy_coverage(accuracy_coverage_table(frame))


def draw_accuracy_coverage(table: pd.DataFrame) -> go.Figure:
    """`accuracy_coverage` from its table."""
    models, conditions = in_order(table, "model"), in_order(table, "condition")
    crowded = len(table) > LABELLED
    named = len(conditions) > 1
    told = set(table.nlargest(LABELLED // 4, "coverage").index) if crowded else set(table.index)
    figure = go.Figure()
    for place, model in enumerate(models):
        rows = table[table["model"] == model]
        colour = colour_of(place)
        figure.add_scatter(
            x=rows["coverage"],
            y=rows["accuracy"],
            mode="markers+text" if named else "markers",
            name=plain(model, 34),
            text=[
                plain(name, 24) if place in told else ""
                for place, name in zip(rows.index, rows["condition"], strict=True)
            ],
            textposition=[
                "top left" if value > 0.75 else "top right" for value in rows["coverage"]
            ],
            textfont={"size": 11},
            marker={
                "size": 12,
                "color": colour,
                "symbol": [symbol_of(conditions.index(name)) for name in rows["condition"]],
            },
            error_x=bars(rows["coverage"], rows["coverage_low"], rows["coverage_high"])
            | ({"thickness": 0.6, "width": 0} if crowded else {}),
            error_y=bars(rows["accuracy"], rows["accuracy_low"], rows["accuracy_high"])
            | ({"thickness": 0.6, "width": 0} if crowded else {}),
            customdata=[
                [
                    plain(r.condition),
                    *(percent(v) for v in (r.accuracy_low, r.accuracy_high)),
                    *(percent(v) for v in (r.coverage_low, r.coverage_high)),
                    r.n,
                    plain(r.model),
                ]
                for r in rows.itertuples()
            ],
            hovertemplate=(
                "<b>%{fullData.name}</b>, %{customdata[0]}<br>"
                "right %{y:.0%} (%{customdata[1]} to %{customdata[2]})<br>"
                "coverage %{x:.0%} (%{customdata[3]} to %{customdata[4]})<br>"
                "%{customdata[5]} questions<extra></extra>"
            ),
        )
    return layout(
        figure,
        440,
        xaxis=share_axis("coverage: share of options reasoned about"),
        yaxis=share_axis("accuracy"),
    )


def letters_table(frame: pd.DataFrame) -> pd.DataFrame:
    """How often each place in the list is chosen, and how often the right option stands there."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for (model,), found in groups(frame[frame["position"].notna()], "model"):
        for position in range(1, int(found["options"].max()) + 1):
            chosen = shares(found["position"] == position)
            key = found["key_position"]
            rows.append(
                {
                    "model": model,
                    "position": _letter(position),
                    **estimate_columns(rate(chosen, found["question_id"].to_numpy())),
                    "key_share": float((key == position).sum() / max(1, key.notna().sum())),
                }
            )
    return pd.DataFrame(
        rows, columns=["model", "position", "value", "low", "high", "n", "key_share"]
    )


def _letter(position: int) -> str:
    return LETTERS[position - 1] if position <= len(LETTERS) else str(position)


def letters(frame: pd.DataFrame) -> go.Figure:
    """Bars: which letter each model answers; the dashes are where the right answers stand."""
    return draw_letters(letters_table(frame))


def draw_letters(table: pd.DataFrame) -> go.Figure:
    """`letters` from its table."""
    table = table[table["position"].isin(list(LETTERS[:DRAWN_LETTERS]))]
    crowded = len(table) > CROWDED
    figure = go.Figure()
    for place, model in enumerate(in_order(table, "model")):
        rows = table[table["model"] == model]
        figure.add_bar(
            name=plain(model, 34),
            x=rows["position"],
            y=rows["value"],
            error_y=None if crowded else bars(rows["value"], rows["low"], rows["high"]),
            marker={"color": colour_of(place)},
            hovertemplate="<b>%{fullData.name}</b><br>answers %{x}: %{y:.1%}<extra></extra>",
        )
    if len(table):
        first = table[table["model"] == table["model"].iloc[0]]
        figure.add_scatter(
            x=first["position"],
            y=first["key_share"],
            mode="markers",
            name="right answers",
            marker={
                "symbol": "line-ew",
                "size": 34,
                "color": "#333333",
                "line": {"width": 3, "color": "#7f7f7f"},
            },
            hovertemplate="right answer is %{x}: %{y:.1%}<extra></extra>",
        )
    return layout(
        figure,
        340,
        barmode="group",
        xaxis={"type": "category", "title": {"text": "place in the list as shown"}},
        yaxis={"tickformat": ".0%", "rangemode": "tozero", "title": {"text": "share of answers"}},
    )
