"""A training folder as figures and words for a page. Reads the folder, knows no HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from starprobe.reports.figures import training as curves
from starprobe.reports.panels import Panel
from starprobe.star.folder import Training
from starprobe.star.records import BestOf, Exam, IterationMetrics
from starprobe.star.tables import differences


class TrainingStory(NamedTuple):
    """What a page shows of a training."""

    lede: str
    panels: list[Panel]


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
    panels = [*training_panels(iterations), *(tested_panels(tested) if tested else ())]
    ranked = training.iteration(training.best).best_of() if training.best else None
    if ranked is not None:
        panels.append(best_of_panel(ranked))
    return TrainingStory(_lede(training, iterations) + _verdict(tested), panels)


def tested_panels(tested: Exam) -> Iterator[Panel]:
    """The test by iteration."""
    yield Panel(
        "training-test",
        "The test",
        f"Questions of {tested.test} that nothing was chosen by, asked plainly after the choice, "
        "with 95\u202f% intervals. Iterations other than the base and the chosen one are shown for "
        "reporting only.",
        curves.tested_curve(tested),
        curves.tested_curve_table(tested),
    )._replace(rows=False)
    tiers = curves.tier_curve_table(tested)
    if len(tiers):
        yield Panel(
            "training-tiers",
            "The test by how hard a question is",
            "Right answers to the same questions, a line a tier, with 95\u202f% intervals.",
            curves.tier_curve(tested),
            tiers,
        )._replace(rows=False)


def best_of_panel(found: BestOf) -> Panel:
    """Ways of choosing among samples of the test questions."""
    return Panel(
        "training-best-of",
        f"Best of {found.samples} samples",
        f"Right answers to the test by how one response is chosen, with 95\u202f% intervals. The "
        f"ranker learnt from {found.pairs} pairs of right and wrong samples.",
        curves.best_of(found),
        curves.best_of_table(found),
    )._replace(rows=False)


def training_panels(iterations: Sequence[IterationMetrics]) -> Iterator[Panel]:
    """The figures whose data exist."""
    found = (
        Panel(
            "training-curve",
            "By iteration",
            "Solid lines are held-out questions asked plainly, with 95\u202f% intervals; dotted "
            "lines are the training questions as they were sampled.",
            curves.training_curve(iterations),
            curves.training_curve_table(iterations),
        ),
        Panel(
            "training-kept",
            "What was kept and what was dropped",
            "Each bar is all samples of an iteration; the blue part was trained on.",
            curves.kept(iterations),
            curves.kept_table(iterations),
        ),
        Panel(
            "training-questions",
            "Questions solved, newly solved and lost",
            "Above the line: questions with a kept answer of the model's own. Below: those it had "
            "solved an iteration before and now did not.",
            curves.questions_solved(iterations),
            curves.questions_solved_table(iterations),
        ),
        Panel(
            "training-loss",
            "Loss",
            "Falling lines mean that the model learns its rows; a line that ends near zero may "
            "have learned them by heart.",
            curves.loss(iterations),
            curves.loss_table(iterations),
        ),
    )
    for panel in found:
        # One iteration is no curve: what it did stands in the tests and in what was kept.
        short = panel.id == "training-curve" and panel.table["iteration"].nunique() < 2
        if len(panel.table) and not short:
            yield panel._replace(rows=False)


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
