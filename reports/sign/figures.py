"""Figures of the sign put to the test: rates by arm and likelihood ratios, each with its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from starprobe.bench.statistics.seeds import ArmRate
from starprobe.reports.figures.drawing import (
    SERIES,
    bars,
    colour_of,
    layout,
    percent,
    plain,
    share_axis,
    symbol_of,
)
from starprobe.reports.sign.analysis import Contrast

if TYPE_CHECKING:
    import pandas as pd

STAR_COLOUR, OTHER_COLOUR, REFERENCE_COLOUR = SERIES[0], SERIES[1], SERIES[7]
KINDS = {
    "star": ("trained with STaR", STAR_COLOUR, "circle"),
    "other": ("made otherwise", OTHER_COLOUR, "square"),
    "reference": ("asked for a breakdown: no sign", REFERENCE_COLOUR, "diamond"),
    "under": ("under test", SERIES[3], "cross"),
}


def rates_table(arms: Sequence[ArmRate], kinds: Mapping[str, str]) -> pd.DataFrame:
    """A row an arm, and a row each of its checkpoints; `kinds`: arm -> a key of KINDS."""
    import pandas as pd

    rows = []
    for one in arms:
        kind = kinds.get(one.arm, "other")
        own = {"arm": one.arm, "kind": kind, "questions": one.questions}
        rows.append({**own, "checkpoint": "", "value": one.value, "low": one.low, "high": one.high})
        rows += [
            {**own, "checkpoint": name, "value": value, "low": None, "high": None}
            for name, value in one.checkpoints.items()
        ]
    return pd.DataFrame(
        rows, columns=["arm", "kind", "checkpoint", "value", "low", "high", "questions"]
    )


def draw_rates(table: pd.DataFrame) -> go.Figure:
    """Each arm's rate with its interval, and its checkpoints as open dots."""
    figure = go.Figure()
    arms = [plain(name) for name in dict.fromkeys(table["arm"])]
    for kind, (words, colour, symbol) in KINDS.items():
        means = table[(table["kind"] == kind) & (table["checkpoint"] == "")]
        if not len(means):
            continue
        figure.add_scatter(
            x=means["value"],
            y=[plain(name) for name in means["arm"]],
            mode="markers",
            name=words,
            marker={"size": 12, "color": colour, "symbol": symbol},
            error_x=bars(means["value"], means["low"], means["high"]),
            customdata=[[percent(r.low), percent(r.high), r.questions] for r in means.itertuples()],
            hovertemplate=(
                "%{y}: %{x:.1%} (%{customdata[0]} to %{customdata[1]}), "
                "%{customdata[2]} questions<extra></extra>"
            ),
        )
    dots = table[table["checkpoint"] != ""]
    figure.add_scatter(
        x=dots["value"],
        y=[plain(name) for name in dots["arm"]],
        mode="markers",
        name="one checkpoint",
        marker={"size": 8, "color": "rgba(0,0,0,0)", "line": {"width": 1.5, "color": "#767676"}},
        customdata=[plain(name) for name in dots["checkpoint"]],
        hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
    )
    return layout(
        figure,
        140 + 44 * len(arms),
        xaxis=share_axis("responses with a reason for every option, unasked"),
        yaxis={"categoryorder": "array", "categoryarray": arms[::-1], "automargin": True},
    )


def ratios_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """A row a contrast: the ratio of the sign, and that of its absence."""
    import pandas as pd

    rows = [
        {
            "positive": one.positive,
            "negative": one.negative,
            "ratio": one.ratio.value,
            "low": one.ratio.low,
            "high": one.ratio.high,
            "absence": one.absence.value,
            "absence_low": one.absence.low,
            "absence_high": one.absence.high,
            "p_holm": one.p_adjusted,
            "verdict": one.verdict,
        }
        for one in contrasts
    ]
    return pd.DataFrame(rows)


def draw_ratios(table: pd.DataFrame) -> go.Figure:
    """A forest on a logarithmic axis: left of 1 the sign speaks against STaR."""
    figure = go.Figure()
    positives = list(dict.fromkeys(table["positive"]))
    lines = [f"{p} | {n}" for p, n in zip(table["positive"], table["negative"], strict=True)]
    shown = table.assign(line=[plain(line) for line in lines])
    for place, positive in enumerate(positives):
        rows = shown[shown["positive"] == positive]
        figure.add_scatter(
            x=rows["ratio"],
            y=rows["line"],
            mode="markers",
            name=plain(positive),
            marker={"size": 11, "color": colour_of(place), "symbol": symbol_of(place)},
            error_x=bars(rows["ratio"], rows["low"], rows["high"]),
            customdata=[[_times(r.low), _times(r.high), _p(r.p_holm)] for r in rows.itertuples()],
            hovertemplate=(
                "%{y}: %{x:.3g} (%{customdata[0]} to %{customdata[1]}), "
                "p (Holm) %{customdata[2]}<extra></extra>"
            ),
        )
    figure.add_vline(x=1, line={"color": "#767676", "width": 1.5, "dash": "dash"})
    return layout(
        figure,
        160 + 30 * len(table),
        showlegend=len(positives) > 1,
        xaxis={
            "type": "log",
            "title": {"text": "likelihood ratio of the sign (1: it tells nothing)"},
            "tickvals": _ticks(table),
            "tickformat": "~g",
        },
        yaxis={
            "categoryorder": "array",
            "categoryarray": list(shown["line"])[::-1],
            "automargin": True,
        },
    )


def _ticks(table: pd.DataFrame) -> list[float]:
    """Powers of ten over the intervals, and thirds where they are few."""
    from math import ceil, floor, log10

    low = floor(log10(max(1e-12, min(0.5, float(table["low"].min())))))
    high = ceil(log10(min(1e12, max(2.0, float(table["high"].max())))))
    step = max(1, (high - low) // 6)
    powers = [10.0**power for power in range(low, high + 1, step)]
    return sorted({*powers, *((one * 3 for one in powers) if high - low <= 3 else ()), 1.0})


def _times(value: float) -> str:
    return f"{value:.3g}"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"
