"""Before and after as a single HTML file: the change and its test first, then what shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.files import write_atomic
from bench.metrics import compare as compare_frames
from bench.metrics import measure
from bench.metrics.comparing import PAIR_KEYS, paired_rows
from bench.metrics.definitions import BY_NAME
from bench.metrics.measuring import estimate
from bench.metrics.records import Comparison
from bench.paired import holm
from bench.statistics import Estimate
from probes.errors import InputError
from reports import figures, palette, sentences
from reports.checks import check_panels
from reports.frames import Evidence, gather, reader_error, without_collector
from reports.methods import methods
from reports.page import facts, render
from reports.panels import Panel, panels
from reports.secrets import Secrets
from reports.tables import Cell, Row, Table, comparison_table, link, signed
from reports.training import training_story

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("before", "after")
TILES = {
    "full_breakdown": "Reasons about every option",
    "accuracy": "Right answers",
    "coverage": "Options reasoned about",
}
ALL = "all"
BY_SET = ("full_breakdown", "coverage", "accuracy")
"""What is compared for each question set too, where there are several."""
FLIPS = 1000
"""Changed pairs listed; the browser has all."""


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


@without_collector()
def write_comparison(
    before: Path | str,
    after: Path | str,
    out: Path | str = "compare.html",
    training: Path | str | None = None,
    *,
    reader: str | None = None,
) -> Path:
    """The path of the page written: what changed from one run to another, with a test for it.

    Args:
        before: a run folder.
        after: a run folder of the same questions.
        out: the HTML file.
        training: the training folder that lies between them, for its curves.
        reader: whose verdicts to show; by default the learned reader's, else any.

    Raises:
        FolderError: a folder is no run or no training, or the file cannot be written.
        InputError: the runs share no question.
    """
    evidence = gather([before, after], reader, names=SIDES)
    secrets = Secrets()
    context = comparison_context(evidence, secrets, training)
    write_atomic(Path(out), render("compare.html.j2", context, evidence, secrets))
    return Path(out)


def comparison_context(
    evidence: Evidence, secrets: Secrets, training: Path | str | None
) -> dict[str, Any]:
    """What the template of a comparison needs.

    Raises:
        InputError: the runs share no question.
    """
    first, second = sides(evidence)
    compared = compare_sets(first, second)
    error = reader_error(evidence)
    metrics = measure(evidence.frame, error)
    comparisons = [c for name, c in compared if name == ALL]
    condition = sentences.headline_condition(evidence.frame)
    standings = [sentences.standing(evidence.frame, m, condition, error) for m in evidence.models]
    story = training_story(training) if training is not None else None
    pairs = list(dict.fromkeys((c.model_before, c.model_after) for c in comparisons))
    return {
        "title": "starprobe: before and after",
        "heading": headline(comparisons, condition, trained=training is not None),
        "lede": f"{_names(pairs)}.",
        "facts": facts(evidence),
        "sections": _sections(training=story is not None),
        "tiles": list(_tiles(compared, condition, first, second)),
        "standings": [one for one in standings if one is not None],
        "tables": [comparison_table(compared, len(pairs) > 1), flips_table(first, second)],
        "training": story,
        "panels": [
            flow_panel(first, second, condition),
            *panels(evidence.frame, metrics),
            *check_panels(evidence),
        ],
        "methods": methods(
            evidence,
            metrics,
            (c.test for c in comparisons if c.p is not None),
            secrets,
        ),
    }


def sides(evidence: Evidence) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows before and after, under the models' names without the side."""
    first, second = (_side(evidence.frame, f"{side} · ") for side in SIDES)
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
    share = sentences.percent
    if c.p is not None and c.p >= 0.05:
        return f"{when} model breaks down every option about as often as before"
    word = "more" if c.difference > 0 else "less"
    now = "" if trained else " now"
    return (
        f"{when} model breaks down every option{now} {word} often: {share(c.after)} of "
        f"{condition} questions, {share(c.before)} before"
    )


def _names(pairs: Sequence[tuple[str, str]]) -> str:
    if len(pairs) > 1:
        return f"{len(pairs)} models, each compared with itself"
    before, after = pairs[0]
    if before == after:
        return f"{before} in two runs, on the same questions"
    return f"Before: {before}. After: {after}. Both answered the same questions"


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


def _tiles(
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
        f"from {sentences.with_interval(before)} to {sentences.with_interval(after)} "
        f"of {'options' if c.kind == 'mean' else f'{c.condition} questions'}"
    )
    return Tile(
        TILES[c.metric],
        signed(c.metric, c.difference),
        interval,
        says,
        f"{c.test}, {sentences.p_value(c.p)}, {c.n} questions{moved}",
        [_mark("was", before, 18), _mark("is", after, 30)],
    )


def _mark(name: str, found: Estimate, y: int) -> Mark:
    def at(value: float | None) -> float | None:
        return None if value is None else round(6 + 288 * value, 1)

    return Mark(name, at(found.value) or 6, at(found.low), at(found.high), y)


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


def flips_table(first: pd.DataFrame, second: pd.DataFrame) -> Table:
    """The pairs whose style or correctness changed, each linked to its responses."""
    keys = PAIR_KEYS if first["model"].nunique() == 1 else ("model", *PAIR_KEYS)
    before, after = paired_rows(first, second, keys)
    changed = (before["style"].to_numpy() != after["style"].to_numpy()) | (
        before["correct"].fillna(False).to_numpy() != after["correct"].fillna(False).to_numpy()
    )
    pairs = zip(
        before[changed].itertuples(index=False), after[changed].itertuples(index=False), strict=True
    )
    rows = [_flip(b, a) for b, a in list(pairs)[:FLIPS]]
    total = int(changed.sum())
    caption = f"{total:,} of {len(before):,} pairs changed their style or their correctness."
    if total > FLIPS:
        caption += f" The first {FLIPS:,} are listed."
    columns = [("question", "w"), ("condition", ""), ("style before", ""), ("style after", "")]
    columns += [("coverage before", "n"), ("coverage after", "n")]
    columns += [("answer before", ""), ("answer after", "")]
    return Table("flips", "Which questions changed", caption, columns, rows)


def _flip(before: Any, after: Any) -> Row:
    where = {
        "question": before.question_id,
        "model": f"{SIDES[1]} · {after.model}",
        "condition": before.condition,
        **({"order": str(before.order)} if before.order else {}),
        **({"repeat": str(before.repeat)} if before.repeat else {}),
    }
    return Row(
        [
            Cell(str(before.stem)[:120], link=link(where)),
            Cell(before.condition),
            *(Cell(palette.STYLE_WORDS[side.style]) for side in (before, after)),
            *(_coverage(side.coverage) for side in (before, after)),
            *(_answer(side) for side in (before, after)),
        ]
    )


def _coverage(value: float) -> Cell:
    return Cell("–", "") if value != value else Cell(sentences.percent(value), f"{value:.4g}")


def _answer(side: Any) -> Cell:
    if side.outcome != "answered":
        return Cell(palette.OUTCOME_WORDS[side.outcome])
    known = side.key is not None and side.key == side.key
    mark = "" if not known else " ✓" if side.answer == side.key else " ✗"
    return Cell(f"{side.answer_label or '?'}{mark}")
