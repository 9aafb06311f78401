"""Figure of each question by each model: which are broken down by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from starprobe.reports.figures.drawing import layout, plain

if TYPE_CHECKING:
    import pandas as pd

MAP_QUESTIONS = 400
"""More questions than this are too narrow to see: the map then shows as many, evenly spread."""


def question_map_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean coverage of each question by each model and condition."""
    keys = ["question_id", "model", "condition"]
    found = frame.groupby(keys, sort=False, observed=True)["coverage"]
    return found.mean().rename("coverage").reset_index().dropna(subset=["coverage"])


def question_map(frame: pd.DataFrame) -> go.Figure:
    """Heat map: questions from most to least broken down, a row a model and condition."""
    return draw_question_map(question_map_table(frame), stems(frame))


def stems(frame: pd.DataFrame) -> dict[str, str]:
    """Question id -> its stem."""
    first = frame.drop_duplicates("question_id")
    return dict(zip(first["question_id"], first["stem"], strict=True))


def draw_question_map(table: pd.DataFrame, stems: Mapping[str, str]) -> go.Figure:
    """`question_map` from its table."""
    table = table.assign(row=table["model"] + " · " + table["condition"])
    wide = table.pivot_table(index="row", columns="question_id", values="coverage", sort=False)
    wide = wide[wide.mean().sort_values(ascending=False).index]
    if wide.shape[1] > MAP_QUESTIONS:
        step = wide.shape[1] / MAP_QUESTIONS
        wide = wide.iloc[:, [int(place * step) for place in range(MAP_QUESTIONS)]]
    words = [plain(str(stems.get(name, name))[:90]) for name in wide.columns]
    figure = go.Figure(
        go.Heatmap(
            z=wide.to_numpy(),
            y=[plain(name, 44) for name in wide.index],
            x=[plain(name) for name in wide.columns],
            customdata=[words] * len(wide),
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            xgap=1 if wide.shape[1] <= 120 else 0,
            ygap=2,
            colorbar={"title": {"text": "coverage"}, "tickformat": ".0%", "thickness": 12},
            hovertemplate=("<b>%{y}</b><br>%{customdata}<br>coverage %{z:.0%}<extra></extra>"),
        )
    )
    return layout(
        figure,
        130 + 26 * len(wide),
        xaxis={
            "type": "category",
            "showticklabels": False,
            "title": {"text": f"{wide.shape[1]} questions, most broken down first"},
        },
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},
    )
