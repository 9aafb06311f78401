"""A training folder as figures and words for a page: what each iteration taught, kept and dropped.

Reads the folder, knows no HTML. Iteration 0 is the model before training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from starprobe.reports.drawing import bars, colour_of, layout, percent, symbol_of
from starprobe.reports.panels import Panel
from starprobe.star.folder import Training
from starprobe.star.records import REASONS, BestOf, Exam, IterationMetrics
from starprobe.star.tables import WAYS, differences

if TYPE_CHECKING:
    import pandas as pd

CURVES = {
    "accuracy": "right answers",
    "option_by_option": "reasons about every option",
    "closing": "ends with the closing sentence",
}
REASON_WORDS = {
    "kept": "kept",
    "error": "no response",
    "cut": "cut short",
    "no_answer": "no answer",
    "wrong": "wrong answer",
    "label_text": "letter and text disagree",
    "leak": "gives away the hint",
    "contradiction": "argues against its answer",
    "arithmetic": "wrong arithmetic",
    "derivation": "worked out another number",
    "style": "another style",
    "length": "too long or too short",
    "inconsistent": "changes with the order",
    "unsupported": "does not lead to the answer",
    "reward": "low reward",
    "abstained": "judges abstained",
    "duplicate": "duplicate",
    "cap": "over the cap a question",
    "working": "working does not hold",
}
REASON_COLOURS = ("#d55e00", "#e69f00", "#cc79a7", "#56b4e9", "#009e73", "#8c8c8c", "#7a5c00")


class TrainingStory(NamedTuple):
    """What a page shows of a training."""

    lede: str
    panels: list[Panel]


Plan = tuple[str, str, str, "Callable[[pd.DataFrame], go.Figure]", "pd.DataFrame"]
"""A panel's id, title and aid, what draws it, and from what."""


def training_story(path: Path | str) -> TrainingStory | None:
    """Figures and a paragraph; None where no iteration is finished yet.

    Raises:
        FolderError: no training folder.
    """
    training = Training(path)
    iterations = training.iterations()
    if not any(metrics.iteration for metrics in iterations):
        return None
    tested = training.tested()
    ranked = training.iteration(training.best).best_of() if training.best else None
    panels = [
        Panel(id, title, aid, draw(table), table, rows=False)
        for id, title, aid, draw, table in (
            *_by_iteration(iterations),
            *(_tested(tested) if tested else ()),
            *([_best_of(ranked)] if ranked else ()),
        )
        # One iteration is no curve: what it did stands in the tests and in what was kept.
        if len(table) and (id != "training-curve" or table["iteration"].nunique() > 1)
    ]
    return TrainingStory(_lede(training, iterations) + _verdict(tested), panels)


def _by_iteration(iterations: Sequence[IterationMetrics]) -> tuple[Plan, ...]:
    return (
        (
            "training-curve",
            "By iteration",
            "Solid lines are held-out questions asked plainly, with 95\u202f% intervals; dotted "
            "lines are the training questions as they were sampled.",
            draw_training_curve,
            training_curve_table(iterations),
        ),
        (
            "training-kept",
            "What was kept and what was dropped",
            "Each bar is all samples of an iteration; the blue part was trained on.",
            draw_kept,
            kept_table(iterations),
        ),
        (
            "training-questions",
            "Questions solved, newly solved and lost",
            "Above the line: questions with a kept answer of the model's own. Below: those it had "
            "solved an iteration before and now did not.",
            draw_questions_solved,
            questions_solved_table(iterations),
        ),
        (
            "training-loss",
            "Loss",
            "Falling lines mean that the model learns its rows; a line that ends near zero may "
            "have learned them by heart.",
            draw_loss,
            loss_table(iterations),
        ),
    )


def _tested(tested: Exam) -> tuple[Plan, ...]:
    return (
        (
            "training-test",
            "The test",
            f"Questions of {tested.test} that nothing was chosen by, asked plainly after the "
            "choice, with 95\u202f% intervals. Iterations other than the base and the chosen one "
            "are shown for reporting only.",
            draw_tested_curve,
            tested_curve_table(tested),
        ),
        (
            "training-tiers",
            "The test by how hard a question is",
            "Right answers to the same questions, a line a tier, with 95\u202f% intervals.",
            draw_tier_curve,
            tier_curve_table(tested),
        ),
    )


def _best_of(found: BestOf) -> Plan:
    return (
        "training-best-of",
        f"Best of {found.samples} samples",
        f"Right answers to the test by how one response is chosen, with 95\u202f% intervals. The "
        f"ranker learnt from {found.pairs} pairs of right and wrong samples.",
        draw_best_of,
        best_of_table(found),
    )


def _verdict(tested: Exam | None) -> str:
    if tested is None:
        return ""
    said = "".join(f" {line};" for line in differences(tested.comparisons)).rstrip(";")
    return f" On the test ({tested.test}), base against chosen:{said}." if said else ""


def _lede(training: Training, iterations: Sequence[IterationMetrics]) -> str:
    config = training.config
    trained = [metrics for metrics in iterations if metrics.iteration]
    rows = sum(metrics.train_rows for metrics in trained)
    chosen = training.best
    best = f"iteration {chosen} was chosen" if chosen else "no iteration beat the base model"
    word = "iteration" if len(trained) == 1 else "iterations"
    return (
        f"{config.model} on {config.questions} with the preset {config.preset}: {len(trained)} "
        f"{word}, {rows} rows trained on in all; {best}."
    )


def training_curve_table(iterations: Sequence[IterationMetrics]) -> pd.DataFrame:
    """Validation shares with intervals, and the sampling accuracies, by iteration."""
    import pandas as pd

    rows = []
    for metrics in iterations:
        for name in CURVES:
            found = getattr(metrics, name)
            if found is not None and found.value is not None:
                rows.append({"iteration": metrics.iteration, "curve": name, **found.model_dump()})
        for name in ("sample_accuracy", "pass_at_k", "majority_at_k"):
            value = getattr(metrics, name)
            if value is not None:
                row = {"iteration": metrics.iteration, "curve": name, "value": value}
                rows.append({**row, "low": None, "high": None, "n": metrics.questions})
    return pd.DataFrame(rows, columns=["iteration", "curve", "value", "low", "high", "n"])


def tested_curve_table(tested: Exam) -> pd.DataFrame:
    """Shares on the test questions with intervals, by iteration; which of them was chosen."""
    import pandas as pd

    rows = [
        {"iteration": one.iteration, "curve": name, **found.model_dump()}
        | {"chosen": one.iteration == tested.best}
        for one in sorted(tested.scored, key=lambda one: one.iteration)
        for name in ("accuracy", "answered", "option_by_option")
        if (found := getattr(one, name)) is not None and found.value is not None
    ]
    return pd.DataFrame(rows, columns=["iteration", "curve", "value", "low", "high", "n", "chosen"])


def tier_curve_table(tested: Exam) -> pd.DataFrame:
    """Right answers to the test questions of each tier with intervals, by iteration."""
    import pandas as pd

    rows = [
        {"iteration": one.iteration, "curve": name, **found.model_dump()}
        for one in sorted(tested.scored, key=lambda one: one.iteration)
        for name, found in one.by_tier.items()
    ]
    return pd.DataFrame(rows, columns=["iteration", "curve", "value", "low", "high", "n"])


def draw_tier_curve(table: pd.DataFrame) -> go.Figure:
    """A line for each tier of the test questions, with intervals."""
    words = {str(name): str(name) for name in table["curve"].drop_duplicates()}
    return _curves(table, words, frozenset(words))


def draw_tested_curve(table: pd.DataFrame) -> go.Figure:
    """Lines by iteration on the test questions, with intervals."""
    words = {**CURVES, "answered": "gives an answer"}
    return _curves(table, words, frozenset(words))


def best_of_table(found: BestOf) -> pd.DataFrame:
    """Right answers to the test by how a response is chosen, with intervals."""
    import pandas as pd

    rows = [{"way": WAYS[name], **one.model_dump()} for name, one in found.ways.items()]
    return pd.DataFrame(rows, columns=["way", "value", "low", "high", "n"])


def draw_best_of(table: pd.DataFrame) -> go.Figure:
    """A point a way of choosing, with its interval."""
    figure = go.Figure()
    figure.add_scatter(
        x=table["value"],
        y=table["way"],
        mode="markers",
        marker={"size": 9, "color": colour_of(0)},
        error_x=bars(table["value"], table["low"], table["high"]),
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    return layout(
        figure,
        300,
        xaxis={"tickformat": ".0%", "range": [-0.02, 1.03]},
        yaxis={"autorange": "reversed", "automargin": True},
    )


def draw_training_curve(table: pd.DataFrame) -> go.Figure:
    """Lines by iteration; validation with intervals, sampling on training questions dotted."""
    words = {
        **CURVES,
        "sample_accuracy": "training questions: right samples",
        "pass_at_k": "training questions: solved by any sample",
        "majority_at_k": "training questions: right by majority",
    }
    return _curves(table, words, frozenset(CURVES))


def _curves(table: pd.DataFrame, words: Mapping[str, str], solid: frozenset[str]) -> go.Figure:
    """A line for each curve of the table; those that are solid have intervals."""
    figure = go.Figure()
    for place, (name, label) in enumerate(words.items()):
        rows = table[table["curve"] == name]
        if not len(rows):
            continue
        validated = name in solid
        figure.add_scatter(
            x=rows["iteration"],
            y=rows["value"],
            mode="lines+markers",
            name=label,
            line={"color": colour_of(place), "width": 2.5, "dash": "solid" if validated else "dot"},
            marker={"size": 9, "symbol": symbol_of(place)},
            error_y=bars(rows["value"], rows["low"], rows["high"]) if validated else None,
            customdata=[[percent(r.low), percent(r.high), r.n] for r in rows.itertuples()],
            hovertemplate=(
                "%{fullData.name}<br>iteration %{x}: %{y:.1%} "
                "(%{customdata[0]} to %{customdata[1]}), n = %{customdata[2]}<extra></extra>"
            ),
        )
    return layout(
        figure,
        420,
        xaxis={"title": {"text": "iteration (0: before training)"}, "dtick": 1},
        yaxis={"tickformat": ".0%", "range": [-0.02, 1.03]},
    )


def kept_table(iterations: Sequence[IterationMetrics]) -> pd.DataFrame:
    """How many samples were kept, and how many dropped for which reason, by iteration."""
    import pandas as pd

    rows = [
        {
            "iteration": metrics.iteration,
            "source": source,
            "reason": reason,
            "samples": counts[reason],
        }
        for metrics in iterations
        for source, counts in (
            ("sampled", metrics.reasons),
            ("rationalized", metrics.rationalized_reasons),
        )
        for reason in REASONS
        if counts.get(reason)
    ]
    return pd.DataFrame(rows, columns=["iteration", "source", "reason", "samples"])


def draw_kept(table: pd.DataFrame) -> go.Figure:
    """Stacked bars: the fate of every sample and every rationalization."""
    figure = go.Figure()
    there = [reason for reason in REASONS if (table["reason"] == reason).any()]
    for place, reason in enumerate(there):
        rows = table[table["reason"] == reason]
        figure.add_bar(
            orientation="h",
            name=REASON_WORDS[reason],
            y=[[f"iteration {i}" for i in rows["iteration"]], list(rows["source"])],
            x=rows["samples"],
            marker={
                "color": "#0072b2"
                if reason == "kept"
                else REASON_COLOURS[(place - 1) % len(REASON_COLOURS)],
                "line": {"width": 1, "color": "#ffffff"},
            },
            hovertemplate="%{fullData.name}: %{x} samples<extra></extra>",
        )
    bars_drawn = len(table.drop_duplicates(["iteration", "source"]))
    return layout(
        figure,
        150 + 40 * bars_drawn,
        barmode="stack",
        xaxis={"title": {"text": "samples"}},
        yaxis={"autorange": "reversed", "automargin": True, "dividerwidth": 1},
    )


def questions_solved_table(iterations: Sequence[IterationMetrics]) -> pd.DataFrame:
    """Training questions solved, newly solved and lost, and rows trained on, by iteration."""
    import pandas as pd

    names = ("questions", "solved", "newly_solved", "lost", "train_rows", "rationalized_rows")
    return pd.DataFrame(
        [
            {"iteration": metrics.iteration, **{name: getattr(metrics, name) for name in names}}
            for metrics in iterations
            if metrics.questions
        ],
        columns=["iteration", *names],
    )


def draw_questions_solved(table: pd.DataFrame) -> go.Figure:
    """Bars by iteration: solved before and still, newly solved; below the line those lost."""
    still = table["solved"] - table["newly_solved"]
    figure = go.Figure()
    for name, values, colour in (
        ("solved before and now", still, "#0072b2"),
        ("newly solved", table["newly_solved"], "#56b4e9"),
        ("lost", -table["lost"], "#d55e00"),
    ):
        figure.add_bar(
            name=name,
            x=[f"iteration {i}" for i in table["iteration"]],
            y=values,
            marker={"color": colour},
            hovertemplate="%{fullData.name}: %{y}<extra></extra>",
        )
    return layout(
        figure,
        360,
        barmode="relative",
        bargap=0.5,
        xaxis={"type": "category"},
        yaxis={"title": {"text": "training questions"}},
    )


def loss_table(iterations: Sequence[IterationMetrics]) -> pd.DataFrame:
    """The loss by step of every iteration."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"iteration": metrics.iteration, "step": step, "loss": loss}
            for metrics in iterations
            if metrics.training
            for step, loss in metrics.training.losses
        ],
        columns=["iteration", "step", "loss"],
    )


def draw_loss(table: pd.DataFrame) -> go.Figure:
    """Lines: the training loss by step, a line an iteration."""
    figure = go.Figure()
    for place, iteration in enumerate(dict.fromkeys(table["iteration"])):
        rows = table[table["iteration"] == iteration]
        figure.add_scatter(
            x=rows["step"],
            y=rows["loss"],
            mode="lines+markers" if len(rows) < 40 else "lines",
            name=f"iteration {iteration}",
            line={"color": colour_of(place), "width": 2},
        )
    return layout(
        figure,
        340,
        showlegend=True,
        xaxis={"title": {"text": "step"}},
        yaxis={"title": {"text": "loss"}, "rangemode": "tozero"},
    )
