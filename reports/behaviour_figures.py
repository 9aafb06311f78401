"""Figures of behaviour: styles, options reasoned about, unasked and asked, one thing and another.

`NAME_table` gives the tidy numbers, of a frame of `bench.metrics.frame` or of comparisons;
`draw_NAME` draws that table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from starprobe.bench.metrics.compare import said
from starprobe.bench.records import STYLES, Comparison, Metric
from starprobe.reports.drawing import (
    NAMES_DOWN,
    STYLE_COLOURS,
    STYLE_PATTERNS,
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
from starprobe.reports.words import STYLE_WORDS, asks_for

if TYPE_CHECKING:
    import pandas as pd

SUBPLOTS = 4
"""More conditions than this as bars would be a figure of several screens: they become a map."""
COVERAGE_BINS = ("none", "1–33 %", "34–66 %", "67–99 %", "all")


def style_shares_table(
    frame: pd.DataFrame, metrics: Sequence[Metric] | None = None
) -> pd.DataFrame:
    """Share of each style by model and condition, with its interval."""
    import pandas as pd

    counts = frame.groupby(["model", "condition", "style"]).size()
    return pd.DataFrame(
        {
            "model": model,
            "condition": condition,
            "style": style,
            "responses": int(counts.get((model, condition, style), 0)),
            **metric_columns(found[f"style_{style}"]),
        }
        for model, condition, found in measured(frame, metrics)
        for style in STYLES
    )


def draw_style_shares(table: pd.DataFrame) -> go.Figure:
    """Stacked bars: how each model answers under each condition."""
    figure = go.Figure()
    for style in STYLES:
        rows = table[table["style"] == style]
        figure.add_bar(
            orientation="h",
            name=STYLE_WORDS[style],
            y=_rows_of_bars(rows),
            x=rows["value"],
            marker={
                "color": STYLE_COLOURS[style],
                "line": {"width": 1, "color": "#ffffff"},
                "pattern": {
                    "shape": STYLE_PATTERNS[style],
                    "fillmode": "overlay",
                    "fgcolor": "rgba(255,255,255,0.55)",
                    "size": 6,
                    "solidity": 0.2,
                },
            },
            text=[f"{v:.0%}" if v >= 0.08 else "" for v in rows["value"]],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "#000000" if style in _DARK_TEXT else "#ffffff"},
            customdata=[
                [plain(r.model), plain(r.condition), percent(r.low), percent(r.high), r.responses]
                for r in rows.itertuples()
            ],
            hovertemplate=(
                "<b>%{customdata[0]}</b>, %{customdata[1]}<br>%{fullData.name}: %{x:.1%} "
                "(%{customdata[2]} to %{customdata[3]}), %{customdata[4]} responses<extra></extra>"
            ),
        )
    asked = table.groupby(["condition", "model"], sort=False)["responses"].sum().reset_index()
    figure.add_scatter(
        mode="text",
        x=[1.01] * len(asked),
        y=_rows_of_bars(asked),
        text=[f"{count:,}" for count in asked["responses"]],
        textposition="middle right",
        textfont={"size": 11},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )
    height = 110 + 34 * len(table) // len(STYLES)
    return layout(
        figure,
        height,
        barmode="stack",
        bargap=0.25,
        xaxis=share_axis("share of responses; on the right, how many there are", (0, 1.04)),
        yaxis={"range": [len(asked) - 0.5, -0.5], "automargin": True, "dividerwidth": 1},
        uniformtext={"minsize": 10, "mode": "hide"},
    )


def _rows_of_bars(table: pd.DataFrame) -> list[Any]:
    """A row's place: its model, and before it the condition where there are several."""
    models = [plain(name, 34) for name in table["model"]]
    if table["condition"].nunique() == 1:
        return models
    return [[plain(name) for name in table["condition"]], models]


_DARK_TEXT = ("partial", "chosen_only", "direct")


def coverage_distribution_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of responses in each bin of coverage, by model and condition."""
    import numpy as np
    import pandas as pd

    rows = []
    for (model, condition), found in groups(frame, "model", "condition"):
        values = found["coverage"].dropna().to_numpy(dtype=float)
        if not len(values):
            continue
        # Whole numbers of options: 1 / 3 belongs to the second bin, 2 / 3 to the third.
        edges = np.array([1e-9, 1 / 3 + 1e-9, 2 / 3 + 1e-9, 1 - 1e-9])
        counts = np.bincount(np.searchsorted(edges, values), minlength=len(COVERAGE_BINS))
        rows += [
            {
                "model": model,
                "condition": condition,
                "coverage": name,
                "responses": int(count),
                "share": count / len(values),
            }
            for name, count in zip(COVERAGE_BINS, counts, strict=True)
        ]
    return pd.DataFrame(rows, columns=["model", "condition", "coverage", "responses", "share"])


def draw_coverage_distribution(table: pd.DataFrame) -> go.Figure:
    """Bars by share of options reasoned about; a row a condition, a colour a model."""
    conditions, models = in_order(table, "condition"), in_order(table, "model")
    if len(conditions) > SUBPLOTS:
        return _coverage_map(table)
    figure = make_subplots(
        rows=max(1, len(conditions)),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=min(0.12, 0.3 / max(1, len(conditions))),
        subplot_titles=[plain(name) for name in conditions] if len(conditions) > 1 else None,
    )
    for place, condition in enumerate(conditions):
        for number, model in enumerate(models):
            rows = table[(table["condition"] == condition) & (table["model"] == model)]
            figure.add_bar(
                row=place + 1,
                col=1,
                name=plain(model, 34),
                legendgroup=str(number),
                showlegend=place == 0,
                x=rows["coverage"],
                y=rows["share"],
                marker={"color": colour_of(number)},
                customdata=rows["responses"],
                hovertemplate=(
                    f"<b>{plain(model)}</b><br>%{{x}} of the options: %{{y:.0%}} "
                    "(%{customdata} responses)<extra></extra>"
                ),
            )
    figure = layout(figure, 150 + 150 * max(1, len(conditions)), bargap=0.25, barmode="group")
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02], dtick=0.5)
    figure.update_xaxes(title={"text": "options reasoned about"}, row=max(1, len(conditions)))
    figure.update_layout(margin={"t": 40}, legend={"y": 1.0 + 30 / (100 + 150 * len(conditions))})
    return figure


def _coverage_map(table: pd.DataFrame) -> go.Figure:
    """A row a model and condition, a column a bin, bright where many responses are."""
    rows = table.assign(
        row=[f"{m} · {c}" for m, c in zip(table.model, table.condition, strict=True)]
    )
    wide = rows.pivot_table(index="row", columns="coverage", values="share", sort=False)
    wide = wide[list(COVERAGE_BINS)]
    figure = go.Figure(
        go.Heatmap(
            z=wide.to_numpy(),
            x=list(wide.columns),
            y=[plain(name, 44) for name in wide.index],
            text=[[f"{v:.0%}" if v else "" for v in line] for line in wide.to_numpy()],
            texttemplate="%{text}",
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            xgap=2,
            ygap=2,
            colorbar={"title": {"text": "share"}, "tickformat": ".0%", "thickness": 12},
            hovertemplate="<b>%{y}</b><br>%{x} of the options: %{z:.0%}<extra></extra>",
        )
    )
    return layout(
        figure,
        110 + 24 * len(wide),
        xaxis={"type": "category", "title": {"text": "options reasoned about"}},
        yaxis=NAMES_DOWN,
    )


UNASKED = "plain"
TOGETHER = 4
"""More conditions than this cannot be told apart on one line: each gets a line of its own."""


def spontaneous_elicited_table(
    frame: pd.DataFrame, metrics: Sequence[Metric] | None = None
) -> pd.DataFrame:
    """Share of full breakdowns unasked and under each condition that asks for reasons."""
    import pandas as pd

    rows = [
        {"model": model, "condition": condition, **metric_columns(found["full_breakdown"])}
        for model, condition, found in measured(frame, metrics)
        if found["full_breakdown"].value is not None
        and (condition == UNASKED or asks_for(condition, frame) == "reasons")
    ]
    return pd.DataFrame(rows, columns=["model", "condition", "value", "low", "high", "n"])


def draw_spontaneous_elicited(table: pd.DataFrame) -> go.Figure:
    """Dumbbells: from what a model does unasked to what it does when asked."""
    conditions, models = in_order(table, "condition"), in_order(table, "model")
    if len(conditions) > TOGETHER:
        return _a_row_each(table)
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
            name=plain(condition) + (" (unasked)" if condition == UNASKED else " (asked)"),
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
        yaxis=NAMES_DOWN,
    )


def _a_row_each(table: pd.DataFrame) -> go.Figure:
    """A line a model and condition, from what the model does unasked to what it does there."""
    figure = go.Figure()
    for place, model in enumerate(in_order(table, "model")):
        rows = table[table["model"] == model]
        asked = rows[rows["condition"] != UNASKED]
        unasked = rows.loc[rows["condition"] == UNASKED, "value"]
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


MAP_QUESTIONS = 400
"""More questions than this are too narrow to see: the map then shows as many, evenly spread."""


def question_map_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean coverage of each question by each model and condition."""
    keys = ["question_id", "model", "condition"]
    found = frame.groupby(keys, sort=False, observed=True)["coverage"]
    return found.mean().rename("coverage").reset_index().dropna(subset=["coverage"])


def stems(frame: pd.DataFrame) -> dict[str, str]:
    """Question id -> its stem."""
    first = frame.drop_duplicates("question_id")
    return dict(zip(first["question_id"], first["stem"], strict=True))


def draw_question_map(table: pd.DataFrame, stems: Mapping[str, str]) -> go.Figure:
    """Heat map: questions from most to least broken down, a row a model and condition."""
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
        yaxis=NAMES_DOWN,
    )


def flow_table(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """How many responses went from each style to each other; the rows of both are pairs."""
    import pandas as pd

    pairs = pd.DataFrame({"before": before["style"].to_numpy(), "after": after["style"].to_numpy()})
    counted = pairs.groupby(["before", "after"], sort=False).size().rename("responses")
    table = counted.reset_index()
    for side in ("before", "after"):
        table[side] = pd.Categorical(table[side], categories=list(STYLES), ordered=True)
    return table.sort_values(["before", "after"]).reset_index(drop=True)


def draw_flow(table: pd.DataFrame) -> go.Figure:
    """Ribbons from each style before to each style after, as wide as there are responses."""
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
