"""Figures of one thing against another on the same questions: which styles became which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from starprobe.bench.metrics.compare import PAIR_KEYS, paired_rows
from starprobe.bench.records import STYLES
from starprobe.reports.figures.drawing import STYLE_COLOURS, layout
from starprobe.reports.words import STYLE_WORDS

if TYPE_CHECKING:
    import pandas as pd


def flow_table(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """How many paired responses went from each style to each other."""
    import pandas as pd

    first, second = paired_rows(before, after, PAIR_KEYS)
    pairs = pd.DataFrame({"before": first["style"].to_numpy(), "after": second["style"].to_numpy()})
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
