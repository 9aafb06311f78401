"""The page of one thing against another on the same questions, with a test for every difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from starprobe.bench.files import write_atomic
from starprobe.bench.metrics import compare as compare_frames
from starprobe.bench.metrics import measure
from starprobe.bench.metrics.compare import PAIR_KEYS, paired_rows
from starprobe.bench.metrics.definitions import BY_NAME
from starprobe.bench.metrics.measure import estimate, split
from starprobe.bench.records import Comparison
from starprobe.bench.statistics.intervals import Estimate
from starprobe.bench.statistics.paired import holm
from starprobe.probes.errors import InputError
from starprobe.reports import figures, words
from starprobe.reports.embed import Secrets, aliases
from starprobe.reports.evidence import (
    SIDE,
    Evidence,
    Order,
    gather,
    without_collector,
)
from starprobe.reports.methods import methods
from starprobe.reports.page import facts, namer, render
from starprobe.reports.panels import Panel, check_panels, panels
from starprobe.reports.tables import (
    AFTER,
    answers_grid,
    comparison_table,
    flips_table,
    grid_table,
    signed,
)
from starprobe.reports.training import training_story

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("before", AFTER)
BY_SET = ("full_breakdown", "coverage", "accuracy")
"""What is compared for each question set too, where there are several."""


@without_collector()
def write_comparison(
    before: Path | str,
    after: Path | str,
    out: Path | str = "compare.html",
    training: Path | str | None = None,
    *,
    reader: str | None = None,
    anonymize: bool = False,
) -> Path:
    """The path of the page written: what changed from one run to another, with a test for it.

    Args:
        before: a run folder.
        after: a run folder of the same questions.
        out: the HTML file.
        training: the training folder that lies between them, for its curves.
        reader: whose verdicts to show; by default that of `chosen_reader`.
        anonymize: show aliases instead of names, until a button is pressed; which side is which
            stays, for that is what the page is about.

    Raises:
        FolderError: a folder is no run or no training, or the file cannot be written.
        InputError: the runs share no question.
    """
    evidence = gather([before, after], reader, names=SIDES)
    secrets = Secrets(active=anonymize)
    if anonymize:
        evidence = blind(evidence, secrets)
    context = comparison_context(evidence, secrets, training)
    write_atomic(Path(out), render("compare.html.j2", context, evidence, secrets))
    return Path(out)


def blind(evidence: Evidence, secrets: Secrets) -> Evidence:
    """The same evidence with an alias behind the side; `secrets` learns the names."""
    sided = {name: name.partition(SIDE)[::2] for name in evidence.models}
    alias = aliases(list(dict.fromkeys(model for _, model in sided.values())))
    for model, shown in alias.items():
        secrets.hide(model, shown)
    renamed = {name: f"{side}{SIDE}{alias[model]}" for name, (side, model) in sided.items()}
    frame = evidence.frame.assign(model=evidence.frame["model"].map(renamed))
    frame.attrs["model"] = Order(renamed.values())
    return replace(evidence, frame=frame, models=tuple(renamed.values()))


def comparison_context(
    evidence: Evidence, secrets: Secrets, training: Path | str | None
) -> dict[str, Any]:
    """What the template of a comparison needs.

    Raises:
        InputError: the runs share no question.
    """
    frame, out = split(evidence.frame)
    first, second = sides(frame)
    compared = compare_sets(first, second)
    metrics = measure(frame)
    comparisons = [c for name, c in compared if name == ALL]
    condition = words.headline_condition(frame)
    standings = [words.standing(frame, m, condition) for m in evidence.models]
    story = training_story(training) if training is not None else None
    if story is not None:
        story = story._replace(lede=secrets.hide(story.lede, "Its model is hidden."))
    keys = PAIR_KEYS if first["model"].nunique() == 1 else ("model", *PAIR_KEYS)
    paired = paired_rows(first, second, keys)
    grids = [grid_table(*paired, SIDES), answers_grid(*paired, SIDES)]
    pairs = list(dict.fromkeys((c.model_before, c.model_after) for c in comparisons))
    return {
        "title": "starprobe: before and after",
        "heading": headline(comparisons, condition, trained=training is not None),
        "lede": _names(pairs, namer(secrets)),
        "facts": facts(evidence),
        "sections": _sections(training=story is not None),
        "tiles": list(tiles(compared, condition, first, second)),
        "standings": [one for one in standings if one is not None],
        "tables": [
            comparison_table(compared, len(pairs) > 1, namer(secrets)),
            *(one for one in grids if one.rows),
            flips_table(*paired),
        ],
        "pairs": tuple(side["row"].tolist() for side in paired),
        "training": story,
        "panels": [
            flow_panel(first, second, condition),
            *panels(frame, metrics),
            *check_panels(evidence),
        ],
        "methods": methods(
            evidence,
            metrics,
            (c.test for c in comparisons if c.p is not None),
            secrets,
            out,
        ),
    }


def sides(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows before and after, under the models' names without the side."""
    first, second = (_side(frame, f"{side}{SIDE}") for side in SIDES)
    return first, second


def _side(frame: pd.DataFrame, word: str) -> pd.DataFrame:
    rows = frame[frame["model"].str.startswith(word)]
    return rows.assign(model=rows["model"].str.removeprefix(word))


def headline(comparisons: Sequence[Comparison], condition: str, *, trained: bool) -> str:
    """The change in one sentence."""
    found = [c for c in comparisons if c.metric == "full_breakdown" and c.condition == condition]
    if len({(c.model_before, c.model_after) for c in comparisons}) > 1 or not found:
        return "What changed"
    c = found[0]
    if c.before is None or c.after is None or c.difference is None:
        return "What changed"
    when = "After training, the" if trained else "The"
    share = words.percent
    if c.p is not None and c.p >= 0.05:
        return f"{when} model breaks down every option about as often as before"
    word = "more" if c.difference > 0 else "less"
    now = "" if trained else " now"
    return (
        f"{when} model breaks down every option{now} {word} often: {share(c.after)} of "
        f"{condition} questions, {share(c.before)} before"
    )


def _names(pairs: Sequence[tuple[str, str]], name: Callable[[str], Any]) -> Any:
    if len(pairs) > 1:
        return f"{len(pairs)} models, each compared with itself."
    before, after = pairs[0]
    if before == after:
        return Markup("{} in two runs, on the same questions.").format(name(before))
    return Markup("Before: {}. After: {}. Both answered the same questions.").format(
        name(before), name(after)
    )


def _sections(*, training: bool) -> list[tuple[str, str]]:
    return [
        ("verdict", "The change"),
        ("paired", "Tests"),
        *([("training", "Training")] if training else []),
        ("figures", "Figures"),
        ("responses", "Responses"),
        ("methods", "Methods"),
    ]


def compare_sets(first: pd.DataFrame, second: pd.DataFrame) -> list[tuple[str, Comparison]]:
    """(question set, comparison) over all questions and, where there are several, each set.

    Holm's adjustment is over the whole list.

    Raises:
        InputError: the runs share no question.
    """
    found = [(ALL, c) for c in compare_frames(first, second)]
    sets = [str(name) for name in first["probes"].drop_duplicates()]
    for name in sets if len(sets) > 1 else ():
        one, two = (rows[rows["probes"] == name] for rows in (first, second))
        with suppress(InputError):
            found += [(name, c) for c in compare_frames(one, two, BY_SET)]
    adjusted = holm([c.p for _, c in found])
    return [
        (name, c.model_copy(update={"p_adjusted": p}))
        for (name, c), p in zip(found, adjusted, strict=True)
    ]


def flow_panel(first: pd.DataFrame, second: pd.DataFrame, condition: str) -> Panel:
    """Which styles became which, under the headline condition."""
    before, after = (rows[rows["condition"] == condition] for rows in (first, second))
    return Panel(
        "style-flow",
        "From which style to which",
        f"Each ribbon is {condition} responses before (left) and to the same question after "
        "(right), in the colour of the style after.",
        figures.flow(before, after),
        figures.flow_table(before, after),
        {"condition": condition},
        wide=True,
    )


TILES = {
    "full_breakdown": "Reasons about every option",
    "accuracy": "Right answers",
    "coverage": "Options reasoned about",
}
ALL = "all"
"""All question sets together."""


class Mark(NamedTuple):
    """A point with its interval in the drawing of a tile, in units of that drawing."""

    name: str
    x: float
    low: float | None
    high: float | None
    y: int


class Tile(NamedTuple):
    """One change on the first screen."""

    title: str
    change: str
    interval: str
    says: str
    test: str
    marks: list[Mark]


def tiles(
    compared: Sequence[tuple[str, Comparison]],
    condition: str,
    first: pd.DataFrame,
    second: pd.DataFrame,
) -> Iterator[Tile]:
    """Breakdowns over all questions, accuracy for each set apart, coverage over all."""
    several = len({name for name, _ in compared}) > 1
    for metric in TILES:
        for name, c in compared:
            if c.metric != metric or c.condition != condition or c.difference is None:
                continue
            if several and (metric == "accuracy") == (name == ALL):
                continue
            sides = ((first, c.model_before), (second, c.model_after))
            own = [_part(rows, model, condition, name) for rows, model in sides]
            made = tile(c, *(estimate(BY_NAME[metric], rows) for rows in own))
            yield made if name == ALL else made._replace(title=f"{made.title}: {name}")


def _part(rows: pd.DataFrame, model: str, condition: str, name: str) -> pd.DataFrame:
    kept = rows[(rows["condition"] == condition) & (rows["model"] == model)]
    return kept if name == ALL else kept[kept["probes"] == name]


def tile(c: Comparison, before: Estimate, after: Estimate) -> Tile:
    """One change: how large, how sure, and from where to where."""
    assert c.difference is not None
    interval = ""
    if c.low is not None and c.high is not None:
        low, high = (signed(c.metric, value).removesuffix(" points") for value in (c.low, c.high))
        interval = f"({low} to {high})"
    moved = ""
    if c.after_only is not None:
        moved = f"; {c.after_only} gained, {c.before_only} lost"
    says = (
        f"from {words.with_interval(before)} to {words.with_interval(after)} "
        f"of {'options' if c.kind == 'mean' else f'{c.condition} questions'}"
    )
    return Tile(
        TILES[c.metric],
        signed(c.metric, c.difference),
        interval,
        says,
        f"{c.test}, {words.p_value(c.p)}, {c.n} questions{moved}",
        [_mark("was", before, 18), _mark("is", after, 30)],
    )


def _mark(name: str, found: Estimate, y: int) -> Mark:
    def at(value: float | None) -> float | None:
        return None if value is None else round(6 + 288 * value, 1)

    return Mark(name, at(found.value) or 6, at(found.low), at(found.high), y)
