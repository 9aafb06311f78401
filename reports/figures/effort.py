"""Figures of what answers cost: tokens, seconds, dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from starprobe.bench.metrics.definitions import numbers
from starprobe.reports.figures.drawing import colour_of, groups, in_order, layout, plain

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "tokens": "tokens of the response",
    "latency_s": "seconds",
    "cost": "US dollars a response",
    "chars": "characters",
}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def effort_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Quantiles of tokens, seconds, dollars and characters, by model and condition."""
    import numpy as np
    import pandas as pd

    rows = []
    for measure in MEASURES:
        for (model, condition), found in groups(frame, "model", "condition"):
            values = numbers(found, measure)
            values = values[~np.isnan(values)]
            if len(values):
                low, q1, median, q3, high = np.quantile(values, QUANTILES)
                rows.append(
                    {
                        "measure": measure,
                        "model": model,
                        "condition": condition,
                        "p05": low,
                        "p25": q1,
                        "median": median,
                        "p75": q3,
                        "p95": high,
                        "total": float(values.sum()),
                        "responses": len(values),
                    }
                )
    columns = ["measure", "model", "condition", "p05", "p25", "median", "p75", "p95"]
    return pd.DataFrame(rows, columns=[*columns, "total", "responses"])


def effort(frame: pd.DataFrame) -> go.Figure:
    """Boxes of the middle half with whiskers from 5 to 95 %, a panel a measure."""
    return draw_effort(effort_table(frame))


def draw_effort(table: pd.DataFrame) -> go.Figure:
    """`effort` from its table."""
    there = in_order(table, "measure")
    if "tokens" in there:
        there = [name for name in there if name != "chars"]
    models = in_order(table, "model")
    each = 80 + 22 * len(table.drop_duplicates(["model", "condition"]))
    figure = make_subplots(
        rows=max(1, len(there)),
        cols=1,
        subplot_titles=[MEASURES[name] for name in there],
        vertical_spacing=58 / (each * max(1, len(there))),
    )
    for place, measure in enumerate(there):
        for number, model in enumerate(models):
            rows = table[(table["measure"] == measure) & (table["model"] == model)]
            figure.add_box(
                row=place + 1,
                col=1,
                orientation="h",
                name=plain(model, 34),
                legendgroup=str(number),
                offsetgroup=str(number),
                showlegend=place == 0,
                y=[plain(name) for name in rows["condition"]],
                lowerfence=rows["p05"],
                q1=rows["p25"],
                median=rows["median"],
                q3=rows["p75"],
                upperfence=rows["p95"],
                marker={"color": colour_of(number)},
                line={"width": 1.5},
            )
    figure = layout(
        figure, 90 + each * max(1, len(there)), boxmode="group", boxgap=0.25, boxgroupgap=0.15
    )
    figure.update_yaxes(type="category", autorange="reversed")
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(margin={"t": 40}, legend={"y": 1.0 + 30 / (40 + each * len(there))})
    return figure
