"""Figures of what others said of the responses: judges, reward models, faithfulness tests.

They start from the records of a run folder, with models under the names that the report shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from starprobe.bench.faithfulness.measure import EVERY
from starprobe.bench.judges.votes import Judgement
from starprobe.bench.records import Metric
from starprobe.bench.statistics.labelled import Agreement
from starprobe.reports.figures.drawing import (
    NAMES_DOWN,
    bars,
    colour_of,
    groups,
    in_order,
    layout,
    percent,
    plain,
    symbol_of,
)

if TYPE_CHECKING:
    import pandas as pd

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


def judge_agreement(found: Mapping[str, Agreement]) -> go.Figure:
    """Points: how far the judges agree, beyond chance, by rubric."""
    table = judge_agreement_table(found)
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


def reward_length(rows: Sequence[tuple[str, Judgement]]) -> go.Figure:
    """Points: the score of each response against its length, a mark a score, a colour a model."""
    table = reward_length_table(rows)
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


def faithfulness(metrics: Sequence[Metric]) -> go.Figure:
    """Curves: how soon the final answer is there, while the rationale is cut short."""
    table = faithfulness_table(metrics)
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
