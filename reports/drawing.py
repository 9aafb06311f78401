"""What all figures share: colours, words, layout, plain text for labels, error bars, groups.

Colours tell apart without hue too.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from starprobe.bench.records import Metric, Style
from starprobe.bench.statistics.intervals import Estimate
from starprobe.reports.embed import visible

if TYPE_CHECKING:
    import pandas as pd

STYLE_COLOURS: dict[Style, str] = {
    "option_by_option": "#0072b2",
    "partial": "#56b4e9",
    "chosen_only": "#e69f00",
    "general_reasoning": "#9a6fb0",
    "direct": "#8c8c8c",
}
"""After Okabe & Ito, Color Universal Design (2008), with a purple that prints darker."""
STYLE_PATTERNS: dict[Style, str] = {
    "option_by_option": "",
    "partial": "",
    "chosen_only": "/",
    "general_reasoning": "\\",
    "direct": ".",
}
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c00", "#5b5b5b")
"""For models; with `SYMBOLS`, so that colour never stands alone."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "x")
BEFORE, AFTER = "#767676", "#0072b2"


def colour_of(place: int) -> str:
    """The colour of the model at this place."""
    return SERIES[place % len(SERIES)]


def symbol_of(place: int) -> str:
    """The marker of the model at this place; differs where the colours begin again."""
    return SYMBOLS[(place + place // len(SERIES)) % len(SYMBOLS)]


FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, GRID = "#1c2330", "#d9dee6"
PERCENT = ".0%"


def plain(text: object, limit: int = 0) -> str:
    """Text as text: plotly reads `<b>` and `<a href>` in labels, and this leaves it none.

    Args:
        text: whatever a file says.
        limit: longer text loses its middle; 0 keeps all.
    """
    shown = visible(str(text))
    if limit and len(shown) > limit:
        half = (limit - 1) // 2
        shown = f"{shown[:half]}…{shown[-half:]}"
    return html.escape(shown, quote=False)


def layout(figure: go.Figure, height: int, **more: Any) -> go.Figure:
    """The figure with the report's look; the page recolours it for dark screens."""
    figure.update_layout(
        template=None,
        height=height,
        autosize=True,
        margin={"l": 8, "r": 16, "t": 8, "b": 8},
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"font": {"family": FONT, "size": 13}, "align": "left"},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "xanchor": "left",
            "traceorder": "normal",
        },
    )
    figure.update_layout(**more)
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "linecolor": GRID}
    figure.update_xaxes(title_font_size=13, **axis)
    figure.update_yaxes(title_font_size=13, **axis)
    return figure


def share_axis(title: str, span: tuple[float, float] = (0, 1)) -> dict[str, Any]:
    """An axis of shares from 0 to 100 %."""
    return {
        "title": {"text": title},
        "tickformat": PERCENT,
        "range": [span[0] - 0.01, span[1] + 0.02],
    }


NAMES_DOWN = {"type": "category", "autorange": "reversed", "automargin": True}
"""An axis of names, from the first down."""


def bars(values: Iterable[Any], lows: Iterable[Any], highs: Iterable[Any]) -> dict[str, Any]:
    """Intervals as plotly's error bars; nothing where there is no interval."""
    up, down = [], []
    for value, low, high in zip(values, lows, highs, strict=True):
        known = not any(part is None or part != part for part in (value, low, high))
        up.append(max(0.0, high - value) if known else 0.0)
        down.append(max(0.0, value - low) if known else 0.0)
    return {"type": "data", "array": up, "arrayminus": down, "thickness": 1.6, "width": 4}


def groups(frame: pd.DataFrame, *keys: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """(values of the keys, rows), in the order of `in_order` of each key."""
    found = {
        tuple(str(name) for name in names): rows
        for names, rows in frame.groupby(list(keys), sort=False, observed=True)
    }
    ranks = [{name: rank for rank, name in enumerate(in_order(frame, key))} for key in keys]
    for names in sorted(found, key=lambda names: _place(names, ranks)):
        yield names, found[names]


def _place(names: tuple[str, ...], ranks: list[dict[str, int]]) -> list[int]:
    return [rank[name] for rank, name in zip(ranks, names, strict=True)]


def measured(
    frame: pd.DataFrame, metrics: Sequence[Metric] | None
) -> Iterator[tuple[str, str, dict[str, Metric]]]:
    """(model, condition, metric's name -> metric), in the frame's order.

    Args:
        frame: of `reports.evidence.gather` or `bench.metrics.frame`.
        metrics: those that stand in metrics.json; measured now where there are none.
    """
    from starprobe.bench.metrics import measure

    cells: dict[tuple[str, str], dict[str, Metric]] = {}
    for one in measure(frame) if metrics is None else metrics:
        cells.setdefault((one.model, one.condition), {})[one.name] = one
    for model in in_order(frame, "model"):
        for condition in in_order(frame, "condition"):
            if (model, condition) in cells:
                yield model, condition, cells[model, condition]


def metric_columns(found: Metric | Estimate) -> dict[str, Any]:
    """A metric, or an estimate, as columns of a tidy table."""
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def in_order(frame: pd.DataFrame, column: str) -> list[str]:
    """The values of a column: as `frame.attrs` lists them, else in order of first appearance."""
    there = [str(value) for value in frame[column].drop_duplicates()]
    told = {str(name): rank for rank, name in enumerate(frame.attrs.get(column, ()))}
    return sorted(there, key=lambda name: told.get(name, len(told)))


def leading(frame: pd.DataFrame, count: int) -> list[str]:
    """The models with the most questions, at most so many, in the frame's order."""
    sizes = frame.groupby("model", sort=False)["question_id"].nunique()
    kept = set(sizes.nlargest(count).index)
    return [name for name in in_order(frame, "model") if name in kept]


def percent(value: Any) -> str:
    """A share in words of a hover label."""
    return "no value" if value is None or value != value else f"{value:.0%}"
