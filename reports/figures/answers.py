"""Figures of answers: right or not, which letter, what moves them, what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.records import Metric
from starprobe.bench.statistics.intervals import rate
from starprobe.reports.figures.drawing import (
    NAMES_DOWN,
    bars,
    colour_of,
    groups,
    in_order,
    layout,
    measured,
    metric_columns,
    percent,
    plain,
    share_axis,
    shares,
    symbol_of,
)
from starprobe.reports.words import headline_condition

if TYPE_CHECKING:
    import pandas as pd


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DRAWN_LETTERS = 10
LABELLED = 16
"""More points than this cannot all bear their names: the outermost do, on thin crosses."""
CROWDED = 30
"""More bars than this leave no room for their intervals."""


def accuracy_coverage_table(
    frame: pd.DataFrame, metrics: Sequence[Metric] | None = None
) -> pd.DataFrame:
    """Accuracy and mean coverage by model and condition, both with intervals."""
    import pandas as pd

    rows = []
    for model, condition, found in measured(frame, metrics):
        right, coverage = found["accuracy"], found["coverage"]
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


def letters_table(frame: pd.DataFrame, metrics: Sequence[Metric] | None = None) -> pd.DataFrame:
    """How often each place is answered, and the key stands there; in the headline condition."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    headline = headline_condition(frame)
    for model, condition, found in measured(frame, metrics):
        if condition != headline:
            continue
        own = frame[(frame["model"] == model) & (frame["condition"] == condition)]
        key = own["key_position"]
        rows += [
            {
                "model": model,
                "position": _letter(place),
                **metric_columns(one),
                "key_share": float((key == place).sum() / max(1, key.notna().sum())),
            }
            for place in range(1, int(own["options"].max()) + 1)
            if (one := found[f"answers_at_{place}"]).value is not None
        ]
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


PAIRS = {
    "in another order": "flip_rate",
    "asked again in the same order": "repeat_flip_rate",
}
"""Kind of pair -> the metric of answers that differ."""


def order_flips_table(frame: pd.DataFrame, metrics: Sequence[Metric] | None = None) -> pd.DataFrame:
    """Pairs of answers to a question that differ: in two orders, and twice in one order.

    A row a model, condition and kind of pair; nothing of conditions that were asked in one order.
    """
    import pandas as pd

    rows = [
        {"model": model, "condition": condition, "pair": kind, **metric_columns(found[name])}
        for model, condition, found in measured(frame, metrics)
        for kind, name in PAIRS.items()
        if "flip_rate" in found and name in found and found[name].value is not None
    ]
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
    "hint_acknowledged_strict": "and plainly says that it was told",
    "hint_acknowledged_broad": "and may say that it was told",
}


def hints_table(frame: pd.DataFrame, metrics: Sequence[Metric] | None = None) -> pd.DataFrame:
    """How often the hinted option is the answer, was moved to, and the hint is owned up to."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    hinted = frame[frame["hinted"].notna()]
    for model, condition, found in measured(frame, metrics):
        own = hinted[(hinted["model"] == model) & (hinted["condition"] == condition)]
        cell = {"model": model, "condition": condition}
        if len(own):
            followed = shares(own["answer"] == own["hinted"])
            share = rate(followed, own["question"].to_numpy(), own["arranged"].to_numpy())
            rows.append({**cell, "measure": "hinted_answer"} | metric_columns(share))
        rows += [
            {**cell, "measure": name, **metric_columns(found[name])}
            for name in HINT_MEASURES
            if name in found and found[name].value is not None
        ]
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
        yaxis=NAMES_DOWN,
    )


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
