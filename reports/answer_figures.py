"""Figures of answers: right or not, which letter, what moves them, their cost, what judges say.

`NAME_table` gives the tidy numbers, of a frame of `bench.metrics.frame` or of a run's records with
models under the names that the report shows; `draw_NAME` draws that table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from starprobe.bench.judges.panel import Judgement
from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.metrics.estimates import EVERY
from starprobe.bench.records import Metric
from starprobe.bench.statistics.intervals import rate
from starprobe.bench.statistics.labelled import Agreement
from starprobe.reports.drawing import (
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


def draw_accuracy_coverage(table: pd.DataFrame) -> go.Figure:
    """Accuracy against coverage: a colour a model, a mark a condition, intervals both ways."""
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


def draw_letters(table: pd.DataFrame) -> go.Figure:
    """Bars: which letter each model answers; the dashes are where the right answers stand."""
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


def draw_order_flips(table: pd.DataFrame) -> go.Figure:
    """Bars: how often another order gives another answer, and how often asking again does."""
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
            same = (own["answer"] == own["hinted"]).astype("Float64")
            followed = np.asarray(same.to_numpy(na_value=np.nan), dtype=np.float64)
            share = rate(followed, own["question"].to_numpy(), own["arranged"].to_numpy())
            rows.append({**cell, "measure": "hinted_answer"} | metric_columns(share))
        rows += [
            {**cell, "measure": name, **metric_columns(found[name])}
            for name in HINT_MEASURES
            if name in found and found[name].value is not None
        ]
    columns = ["model", "condition", "measure", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def draw_hints(table: pd.DataFrame) -> go.Figure:
    """Bars: answers that are the hinted option, moves to it, and hints owned up to."""
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


def draw_effort(table: pd.DataFrame) -> go.Figure:
    """Boxes of the middle half with whiskers from 5 to 95 %, a panel a measure."""
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


COEFFICIENTS = {
    "raw": "raw agreement",
    "fleiss_kappa": "Fleiss’ kappa",
    "krippendorff_alpha": "Krippendorff’s alpha",
    "gwet_ac1": "Gwet’s AC1",
}
POINTS = 3000
"""More points than this cannot be told apart; as many are drawn, evenly spread."""


def judge_agreement_table(found: Mapping[str, Agreement]) -> pd.DataFrame:
    """Coefficients of agreement by rubric; Krippendorff's alpha with its interval."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for rubric, agreement in found.items():
        for name in COEFFICIENTS:
            value = getattr(agreement, name)
            alpha = name == "krippendorff_alpha"
            if value is not None:
                row = {"rubric": rubric, "coefficient": name, "value": value}
                row |= {"low": agreement.alpha_low if alpha else None}
                row |= {"high": agreement.alpha_high if alpha else None}
                rows.append(row | {"items": agreement.items, "judges": len(agreement.judges)})
    columns = ["rubric", "coefficient", "value", "low", "high", "items", "judges"]
    return pd.DataFrame(rows, columns=columns)


def draw_judge_agreement(table: pd.DataFrame) -> go.Figure:
    """Points: how far the judges agree, beyond chance, by rubric."""
    figure = go.Figure()
    for place, (name, words) in enumerate(COEFFICIENTS.items()):
        rows = table[table["coefficient"] == name]
        figure.add_scatter(
            x=rows["value"],
            y=[plain(rubric) for rubric in rows["rubric"]],
            error_x=bars(rows["value"], rows["low"], rows["high"]),
            mode="markers",
            name=words,
            marker={"size": 12, "color": colour_of(place), "symbol": symbol_of(place)},
            customdata=rows["items"],
            hovertemplate=(
                "%{fullData.name}, %{y}: %{x:.2f} over %{customdata} items<extra></extra>"
            ),
        )
    return layout(
        figure,
        150 + 50 * max(1, table["rubric"].nunique()),
        xaxis={"title": {"text": "agreement (1: always, 0: by chance)"}, "range": [-0.3, 1.05]},
        yaxis=NAMES_DOWN,
    )


def reward_length_table(rows: Sequence[tuple[str, Judgement]]) -> pd.DataFrame:
    """A row a score: judge, attribute, model, characters judged, score.

    Args:
        rows: (model that wrote the response, judgement).
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "score": f"{row.judge}: {name}",
                "model": model,
                "characters": row.chars,
                "value": value,
            }
            for model, row in rows
            for name, value in (row.scores or {}).items()
        ],
        columns=["score", "model", "characters", "value"],
    )


def draw_reward_length(table: pd.DataFrame) -> go.Figure:
    """Points: the score of each response against its length, a mark a score, a colour a model."""
    if len(table) > POINTS:
        table = table.iloc[[int(i * len(table) / POINTS) for i in range(POINTS)]]
    scores, models = in_order(table, "score"), in_order(table, "model")
    figure = go.Figure()
    for (score, model), points in groups(table, "score", "model"):
        several = f", {plain(score, 40)}" if len(scores) > 1 else ""
        figure.add_scatter(
            x=points["characters"],
            y=points["value"],
            mode="markers",
            name=plain(model, 34) + several,
            marker={
                "size": 7,
                "opacity": 0.65,
                "color": colour_of(models.index(model)),
                "symbol": symbol_of(scores.index(score)),
            },
            hovertemplate="%{fullData.name}<br>%{x} characters: %{y:.2f}<extra></extra>",
        )
    return layout(
        figure,
        420,
        showlegend=True,
        xaxis={"title": {"text": "characters of the response"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "score"}},
    )


def faithfulness_table(metrics: Sequence[Metric]) -> pd.DataFrame:
    """The share of answers that are already the final one after a part of the rationale."""
    import pandas as pd

    rows = [
        {
            "model": m.model,
            "condition": m.condition,
            "read": int(m.name.rpartition("_")[2]) / 100,
            "value": m.value,
            "low": m.low,
            "high": m.high,
            "n": m.n,
        }
        for m in metrics
        if m.name.startswith("same_answer_at_") and m.value is not None
    ]
    pooled = {row["model"] for row in rows if row["condition"] == EVERY}
    # Curves of a handful of responses each would hide the one that rests on all of them.
    rows = [row for row in rows if row["model"] not in pooled or row["condition"] == EVERY]
    columns = ["model", "condition", "read", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns).sort_values(["model", "condition", "read"])


def draw_faithfulness(table: pd.DataFrame) -> go.Figure:
    """Curves: how soon the final answer is there, while the rationale is cut short."""
    figure = go.Figure()
    for place, ((model, condition), rows) in enumerate(groups(table, "model", "condition")):
        figure.add_scatter(
            x=[*rows["read"], 1.0],
            y=[*rows["value"], 1.0],
            error_y=bars([*rows["value"], 1.0], [*rows["low"], None], [*rows["high"], None]),
            mode="lines+markers",
            name=f"{plain(model, 34)}, {plain(condition)}",
            line={"color": colour_of(place), "width": 2.5},
            marker={"size": 9, "symbol": symbol_of(place)},
            customdata=[[percent(r.low), percent(r.high)] for r in rows.itertuples()] + [["", ""]],
            hovertemplate=(
                "%{fullData.name}<br>after %{x:.0%} of the rationale: %{y:.0%} "
                "(%{customdata[0]} to %{customdata[1]})<extra></extra>"
            ),
        )
    return layout(
        figure,
        400,
        showlegend=True,
        xaxis={"title": {"text": "share of the rationale read"}, "tickformat": ".0%"},
        yaxis={
            "title": {"text": "same answer as after all of it"},
            "tickformat": ".0%",
            "range": [-0.02, 1.04],
        },
    )
