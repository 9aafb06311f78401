"""Figures of one thing against another on the same questions: which styles became which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from starprobe.bench.metrics.compare import said
from starprobe.bench.records import STYLES, Comparison
from starprobe.reports.figures.drawing import (
    STYLE_COLOURS,
    bars,
    colour_of,
    layout,
    plain,
    symbol_of,
)
from starprobe.reports.words import STYLE_WORDS

if TYPE_CHECKING:
    import pandas as pd


def flow_table(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """How many responses went from each style to each other; the rows of both are pairs."""
    import pandas as pd

    pairs = pd.DataFrame({"before": before["style"].to_numpy(), "after": after["style"].to_numpy()})
    counted = pairs.groupby(["before", "after"], sort=False).size().rename("responses")
    table = counted.reset_index()
    for side in ("before", "after"):
        table[side] = pd.Categorical(table[side], categories=list(STYLES), ordered=True)
    return table.sort_values(["before", "after"]).reset_index(drop=True)


def flow(before: pd.DataFrame, after: pd.DataFrame) -> go.Figure:
    """Ribbons from each style before to each style after, as wide as there are responses."""
    table = flow_table(before, after)
    left = [style for style in STYLES if (table["before"] == style).any()]
    right = [style for style in STYLES if (table["after"] == style).any()]
    nodes = [("before", style) for style in left] + [("after", style) for style in right]
    places = {node: place for place, node in enumerate(nodes)}
    colours = [STYLE_COLOURS[style] for _, style in nodes]
    figure = go.Figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": [STYLE_WORDS[style] for _, style in nodes],
                "color": colours,
                "pad": 18,
                "thickness": 18,
                "line": {"width": 0},
                "x": [0.001 if side == "before" else 0.999 for side, _ in nodes],
                "y": _heights(table, left, "before") + _heights(table, right, "after"),
                "hovertemplate": "%{label}: %{value} responses<extra></extra>",
            },
            link={
                "source": [places["before", style] for style in table["before"]],
                "target": [places["after", style] for style in table["after"]],
                "value": table["responses"],
                "color": [_translucent(STYLE_COLOURS[style]) for style in table["after"]],
                "hovertemplate": (
                    "%{source.label} → %{target.label}: %{value} responses<extra></extra>"
                ),
            },
        )
    )
    return layout(figure, 380, margin={"l": 8, "r": 8, "t": 12, "b": 24})


VERDICT_WORDS = {
    "more": "more often",
    "less": "less often",
    "alike": "alike",
    "undecided": "undecided",
}


def model_differences_table(rows: Sequence[Comparison]) -> pd.DataFrame:
    """A row a pair of models: the difference of full breakdowns, asked for nothing."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "first": row.model_before,
                "second": row.model_after,
                "difference": row.difference,
                "low": row.low,
                "high": row.high,
                "p": row.p,
                "verdict": row.verdict,
                "margin": row.margin,
                "n": row.n,
                "said": said(row),
            }
            for row in rows
            if row.role == "primary" and row.difference is not None
        ],
        columns=[
            *("first", "second", "difference", "low", "high", "p", "verdict", "margin", "n"),
            "said",
        ],
    )


def draw_model_differences(table: pd.DataFrame) -> go.Figure:
    """A forest: each pair's difference with its interval over the margin of what counts as none."""
    figure = go.Figure()
    lines = [
        f"{plain(two, 28)} against {plain(one, 28)}"
        for one, two in zip(table["first"], table["second"], strict=True)
    ]
    shown = table.assign(line=lines)
    for place, (verdict, words) in enumerate(VERDICT_WORDS.items()):
        rows = shown[shown["verdict"] == verdict]
        if len(rows):
            figure.add_scatter(
                x=rows["difference"],
                y=rows["line"],
                mode="markers",
                name=words,
                marker={"size": 11, "color": colour_of(place), "symbol": symbol_of(place)},
                error_x=bars(rows["difference"], rows["low"], rows["high"]),
                customdata=[[plain(row.said), row.n] for row in rows.itertuples()],
                hovertemplate=(
                    "<b>%{y}</b>: %{x:+.0%}<br>%{customdata[0]}; %{customdata[1]} questions"
                    "<extra></extra>"
                ),
            )
    margin = float(table["margin"].max()) if len(table) else 0.0
    figure.add_vrect(x0=-margin, x1=margin, fillcolor="#8c8c8c", opacity=0.18, line_width=0)
    figure.add_vline(x=0, line={"color": "#767676", "width": 1})
    return layout(
        figure,
        130 + 30 * max(1, len(table)),
        showlegend=True,
        xaxis={"title": {"text": "difference in full breakdowns, unasked"}, "tickformat": "+.0%"},
        yaxis={"categoryorder": "array", "categoryarray": lines[::-1], "automargin": True},
    )


def _heights(table: pd.DataFrame, styles: Sequence[str], side: str) -> list[float]:
    """The middle of each node, so that they stand in the order of the styles."""
    counts = [float(table.loc[table[side] == style, "responses"].sum()) for style in styles]
    whole, gap = sum(counts) or 1.0, 0.04
    scale = 1 - gap * (len(counts) - 1)
    middles, top = [], 0.0
    for count in counts:
        height = count / whole * scale
        middles.append(min(0.999, max(0.001, top + height / 2)))
        top += height + gap
    return middles


def _translucent(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.42)"
