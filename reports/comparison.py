"""The page of one thing against another on the same questions, with a verdict on every difference.

The two sides are runs, or two models or two conditions of one run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from starprobe.bench.files import write_atomic
from starprobe.bench.metrics.compare import PAIR_KEYS, paired_rows, said
from starprobe.bench.metrics.compare import compare as compare_frames
from starprobe.bench.metrics.definitions import PRIMARY, all_metrics
from starprobe.bench.metrics.estimates import estimate, split
from starprobe.bench.records import Comparison
from starprobe.bench.statistics.intervals import Estimate
from starprobe.probes.errors import InputError
from starprobe.reports import words
from starprobe.reports.behaviour_figures import draw_flow, flow_table
from starprobe.reports.embed import Secrets, aliases
from starprobe.reports.evidence import (
    SIDE,
    Evidence,
    Order,
    Results,
    gather,
    kept,
    results_of,
    without_collector,
)
from starprobe.reports.html_tables import answers_grid, comparison_table, flips_table, grid_table
from starprobe.reports.page import checks, facts, methods, named, namer, render
from starprobe.reports.panels import Panel, check_panels, panels
from starprobe.reports.training import training_story

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("before", "after")
TILES = {
    PRIMARY: "Reasons about every option",
    "accuracy": "Right answers",
    "coverage": "Options reasoned about",
}
PRINTED = ("primary", "secondary")


@dataclass(frozen=True)
class Compared:
    """Two sides, and what came of them."""

    evidence: Evidence
    results: Results
    first: pd.DataFrame
    second: pd.DataFrame
    names: tuple[str, str]
    """What the two sides are called."""
    rows: list[Comparison]

    @property
    def condition(self) -> str:
        """The condition that the heading speaks of."""
        there = list(dict.fromkeys(row.condition for row in self.rows))
        return "plain" if "plain" in there else there[0]

    @property
    def headlines(self) -> list[Comparison]:
        """The comparisons that the heading speaks of: one, or one for each pair of models."""
        return [
            row
            for row in self.rows
            if row.metric == PRIMARY and row.condition == self.condition and not row.probes
        ]

    @property
    def headline(self) -> Comparison | None:
        """The comparison that the heading speaks of; None for several pairs of models."""
        return self.headlines[0] if len(self.headlines) == 1 else None


def compare_sides(
    before: Path | str,
    after: Path | str | None = None,
    *,
    models: Sequence[str] = (),
    conditions: Sequence[str] = (),
    reader: str | None = None,
) -> Compared:
    """One thing against another: a run and a later one, or two models or conditions of a run.

    Args:
        before: a run folder.
        after: a run folder of the same questions.
        models: two models of the run `before`.
        conditions: two conditions of it.
        reader: whose verdicts to take.

    Raises:
        FolderError: a folder is no run.
        InputError: it is not clear what to compare, or no question is shared.
    """
    named = [name for name in (models, conditions) if name]
    if (after is not None) + len(named) != 1:
        raise InputError("name what to compare: a second run, --models A,B or --conditions A,B")
    if named and len(named[0]) != 2:
        raise InputError(f"{','.join(named[0])}: two are compared; write --models A,B")
    if after is not None:
        evidence = gather([before, after], reader, names=SIDES)
        sides = [_side(split(evidence.frame)[0], f"{side}{SIDE}") for side in SIDES]
        names = SIDES
    else:
        evidence = gather([before], reader)
        column = "model" if models else "condition"
        wanted = [_named(name, column, evidence.frame) for name in named[0]]
        evidence = kept(evidence, column, wanted)
        frame = split(evidence.frame)[0]
        sides = [frame[frame[column] == name] for name in wanted]
        names = (wanted[0], wanted[1])
        if conditions:
            sides = [side.assign(condition=f"{names[0]} -> {names[1]}") for side in sides]
    first, second = sides
    own = [side.assign(question_id=side["source_question"]) for side in (first, second)]
    rows = compare_frames(own[0], own[1])
    rows += _by_set(first, second, rows)
    return Compared(evidence, results_of(evidence), first, second, names, rows)


def _named(name: str, column: str, frame: pd.DataFrame) -> str:
    """The model or condition of this name, in full or as its last part."""
    there = [str(value) for value in frame[column].drop_duplicates()]
    whole = frame["source_model"] if column == "model" else frame[column]
    found = str(dict(zip(whole, frame[column], strict=True)).get(name, name))
    if found not in there:
        raise InputError(f"no {column} {name!r} here; there is: {', '.join(there)}")
    return found


def _side(frame: pd.DataFrame, word: str) -> pd.DataFrame:
    rows = frame[frame["model"].str.startswith(word)]
    return rows.assign(model=rows["model"].str.removeprefix(word))


def _by_set(
    first: pd.DataFrame, second: pd.DataFrame, rows: Sequence[Comparison]
) -> list[Comparison]:
    """Where there are several question sets, each alone: exploratory."""
    names = [str(name) for name in first["probes"].drop_duplicates()]
    if len(names) < 2 or len({(row.model_before, row.model_after) for row in rows}) > 1:
        return []
    found = []
    for name in names:
        one, two = (side[side["probes"] == name] for side in (first, second))
        try:
            part = compare_frames(one, two, (PRIMARY, "coverage", "accuracy"))
        except InputError:
            continue
        found += [row.model_copy(update={"probes": name, "role": "exploratory"}) for row in part]
    return found


@without_collector()
def write_comparison(
    before: Path | str,
    after: Path | str | None = None,
    out: Path | str = "compare.html",
    training: Path | str | None = None,
    *,
    models: Sequence[str] = (),
    conditions: Sequence[str] = (),
    reader: str | None = None,
    anonymize: bool = False,
) -> Path:
    """The path of the page written: one thing against another, with a verdict on each difference.

    Args:
        before: a run folder.
        after: a run folder of the same questions.
        out: the HTML file.
        training: the training folder that lies between them, for its curves.
        models: two models of the run `before`, to be compared instead.
        conditions: two conditions of it, to be compared instead.
        reader: whose verdicts to show; by default the default reader's.
        anonymize: show aliases instead of names, until a button is pressed; which side is which
            stays, for that is what the page is about.

    Raises:
        FolderError: a folder is no run or no training, or the file cannot be written.
        InputError: it is not clear what to compare, or no question is shared.
    """
    compared = compare_sides(before, after, models=models, conditions=conditions, reader=reader)
    return write_compared(compared, out, training, anonymize=anonymize)


def write_compared(
    compared: Compared,
    out: Path | str,
    training: Path | str | None = None,
    *,
    anonymize: bool = False,
) -> Path:
    """The page of a comparison that was made."""
    secrets = Secrets(active=anonymize)
    if anonymize:
        compared = blind(compared, secrets)
    context = comparison_context(compared, secrets, training)
    write_atomic(Path(out), render("compare.html.j2", context, compared.evidence, secrets))
    return Path(out)


def blind(compared: Compared, secrets: Secrets) -> Compared:
    """The same under aliases, behind the side where there is one; `secrets` learns the names."""
    evidence = compared.evidence
    sided = {name: name.rpartition(SIDE) for name in evidence.models}
    alias = aliases(list(dict.fromkeys(model for _, _, model in sided.values())))
    for model, shown in alias.items():
        secrets.hide(model, shown)
    renamed = {name: f"{side}{dot}{alias[model]}" for name, (side, dot, model) in sided.items()}
    frame = evidence.frame.assign(model=evidence.frame["model"].map(renamed))
    frame.attrs["model"] = Order(renamed.values())
    first, second = (
        side.assign(model=side["model"].map(alias)) for side in (compared.first, compared.second)
    )
    rows = [
        row.model_copy(
            update={
                "model_before": alias[row.model_before],
                "model_after": alias[row.model_after],
            }
        )
        for row in compared.rows
    ]
    one, two = compared.names
    return replace(
        compared,
        evidence=replace(evidence, frame=frame, models=tuple(renamed.values())),
        results=compared.results.renamed(renamed),
        first=first,
        second=second,
        names=(alias.get(one, one), alias.get(two, two)),
        rows=rows,
    )


def comparison_context(
    compared: Compared, secrets: Secrets, training: Path | str | None
) -> dict[str, Any]:
    """What the template of a comparison needs."""
    evidence, results = compared.evidence, compared.results
    frame, name = split(evidence.frame)[0], namer(secrets)
    condition = compared.condition
    pairs = list(dict.fromkeys((c.model_before, c.model_after) for c in compared.rows))
    keys = PAIR_KEYS if len(pairs) == 1 else ("model", *PAIR_KEYS)
    paired = paired_rows(compared.first, compared.second, keys)
    grids = [grid_table(*paired, compared.names), answers_grid(*paired, compared.names)]
    standings = [words.standing(results, frame, m, condition) for m in evidence.models]
    story = training_story(training) if training is not None else None
    if story is not None:
        story = story._replace(lede=secrets.hide(story.lede, "Its model is hidden."))
    shown = "none" if len(pairs) == 1 else "one"
    title = f"{compared.names[0]} and {compared.names[1]}".capitalize()
    return {
        "title": f"starprobe: {compared.names[0]} and {compared.names[1]}",
        "heading": named(headline(compared, trained=training is not None), secrets),
        "lede": _lede(compared, pairs, name),
        "facts": facts(evidence),
        "sections": [
            ("verdict", "The change"),
            ("paired", "Tests"),
            *([("training", "Training")] if story is not None else []),
            ("figures", "Figures"),
            ("responses", "Responses"),
            ("methods", "Methods"),
        ],
        "tiles": [one._replace(title=named(one.title, secrets)) for one in tiles(compared)],
        "standings": [one for one in standings if one is not None],
        "tables": [
            comparison_table(compared.rows, title, name, sides=compared.names, pairs=shown),
            *(one for one in grids if one.rows),
            flips_table(*paired),
        ],
        "pairs": tuple(side["row"].tolist() for side in paired),
        "checks": checks(results, secrets),
        "training": story,
        "panels": [
            flow_panel(*paired, condition, compared.names),
            *panels(frame, results),
            *check_panels(evidence, results),
        ],
        "methods": methods(evidence, results, (c.test for c in compared.rows if c.p), secrets),
    }


def headline(compared: Compared, *, trained: bool = False) -> str:
    """The verdict on the primary outcome in one sentence."""
    c = compared.headline
    if c is None and compared.headlines:
        return _of_several(compared)
    if c is None or c.before is None or c.after is None or c.verdict is None:
        return "What is different"
    share, one, two = words.percent, *compared.names
    runs = compared.names == SIDES
    who = "After training, the model" if trained else "The model" if runs else two
    than = "" if runs else f" than {one}"
    asked = c.condition if " -> " not in c.condition else ""
    where = f" of {asked} questions" if asked else ""
    if c.verdict in ("more", "less"):
        now = " now" if runs and not trained else ""
        was = f"{share(c.before)} before" if runs else f"{one} in {share(c.before)}"
        return (
            f"{who} breaks down every option{now} {c.verdict} often{than}: {share(c.after)}"
            f"{where}, {was}"
        )
    if c.verdict == "alike":
        return (
            f"{who} breaks down every option as often as {'before' if runs else one}: alike within "
            f"{100 * (c.margin or 0):.0f} points"
        )
    return f"Whether {_lower(who)} breaks down every option more or less often is undecided"


def _of_several(compared: Compared) -> str:
    """How many models do it more, less, alike, in one sentence."""
    rows = compared.headlines
    counts = Counter(row.verdict or "undecided" for row in rows)
    often = {"more": "more often", "less": "less often"}
    parts = [
        f"{often.get(word, word)} in {counts[word]}"
        for word in ("more", "less", "alike", "undecided")
        if counts[word]
    ]
    one, two = compared.names
    what = "Now" if compared.names == SIDES else f"{two} against {one}"
    joined = ", ".join(parts)
    return f"{what} every option is broken down {joined} of {len(rows)} models"


def _lower(who: str) -> str:
    return who[0].lower() + who[1:] if who.startswith(("The ", "After ")) else who


def _lede(compared: Compared, pairs: Sequence[tuple[str, str]], name: Any) -> Any:
    c = compared.headline
    verdict = Markup("")
    if c is not None and c.verdict is not None:
        verdict = Markup(" {}: {}.").format(words.change(c), said(c))
    unmatched = sum({row.condition: row.unmatched for row in compared.rows}.values())
    left = f" {unmatched} questions that only one side was asked are left out." if unmatched else ""
    if compared.names != SIDES:
        who = Markup("{} against {}, on the same questions.").format(
            *map(name, reversed(compared.names))
        )
    elif len(pairs) > 1:
        who = Markup("{} models, each compared with itself.").format(len(pairs))
    elif pairs[0][0] == pairs[0][1]:
        who = Markup("{} in two runs, on the same questions.").format(name(pairs[0][0]))
    else:
        who = Markup("Before: {}. After: {}. Both answered the same questions.").format(
            *map(name, pairs[0])
        )
    return who + verdict + left


def flow_panel(
    first: pd.DataFrame, second: pd.DataFrame, condition: str, names: tuple[str, str]
) -> Panel:
    """Which styles became which, under the headline condition."""
    kept = (first["condition"] == condition).to_numpy()
    table = flow_table(first[kept], second[kept])
    return Panel(
        "style-flow",
        "From which style to which",
        f"Each ribbon is {condition} responses of {names[0]} (left) and to the same question of "
        f"{names[1]} (right), in the colour of the style on the right.",
        draw_flow(table),
        table,
        wide=True,
    )


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


def tiles(compared: Compared) -> Iterator[Tile]:
    """Breakdowns over all questions, accuracy for each set apart, coverage over all."""
    rows = [row for row in compared.rows if row.condition == compared.condition]
    several = any(row.probes for row in rows)
    pairs = len({(row.model_before, row.model_after) for row in rows})
    for metric in TILES:
        for c in rows:
            if c.metric != metric or c.difference is None or (pairs > 1 and metric != PRIMARY):
                continue
            if several and (metric == "accuracy") == (not c.probes):
                continue
            sides = ((compared.first, c.model_before), (compared.second, c.model_after))
            before, after = (estimate(all_metrics()[metric], _part(*side, c)) for side in sides)
            made = tile(c, before, after, moved=compared.names == SIDES)
            about = c.probes or (c.model_after if pairs > 1 else "")
            yield made._replace(title=f"{made.title}: {about}") if about else made


def _part(rows: pd.DataFrame, model: str, c: Comparison) -> pd.DataFrame:
    kept = rows[(rows["condition"] == c.condition) & (rows["model"] == model)]
    return kept[kept["probes"] == c.probes] if c.probes else kept


def tile(c: Comparison, before: Estimate, after: Estimate, *, moved: bool = True) -> Tile:
    """One change: how large, how sure, and from where to where."""
    change, _, interval = words.change(c).partition(" (")
    pairs = ""
    if c.after_only is not None:
        pairs = f"; {c.after_only} gained, {c.before_only} lost" if moved else ""
    what = "options" if c.metric == "coverage" else "questions"
    one, two = words.with_interval(before), words.with_interval(after)
    says = f"from {one} to {two} of {what}" if moved else f"{two} of {what}, against {one}"
    test = f"{said(c)}; {words.p_value(c.p_adjusted)}, {c.role}; {c.n:,} questions{pairs}"
    interval = f"({interval}" if interval else ""
    return Tile(TILES[c.metric], change, interval, says, test, _marks(before, after))


def _marks(before: Estimate, after: Estimate) -> list[Mark]:
    sides = (("was", before, 12), ("is", after, 36))
    if any(found.value is None for _, found, _ in sides):
        return []
    return [
        Mark(
            name,
            _place(found.value or 0.0),
            None if found.low is None else _place(found.low),
            None if found.high is None else _place(found.high),
            y,
        )
        for name, found, y in sides
    ]


def _place(share: float) -> float:
    return round(6 + 288 * share, 1)


FAILS = re.compile(
    r"(?P<metric>[a-z_0-9]+)(@(?P<condition>[^\s<>=]+))?\s*"
    r"(?:(?P<word>more|less|alike|undecided)|(?P<sign>[<>])\s*(?P<limit>-?[0-9.]+))"
)
"""`accuracy less`, `full_breakdown@scratchpad < 0.5`."""


def failing(expression: str, compared: Compared) -> list[Comparison]:
    """The comparisons of which an expression is true.

    `METRIC more|less|alike|undecided` speaks of the verdict on the second side against the first,
    `METRIC < NUMBER` and `METRIC > NUMBER` of the second side's value; `METRIC@CONDITION` of
    another condition than the headline one.

    Raises:
        InputError: it cannot be read, or nothing of that name was compared.
    """
    found = FAILS.fullmatch(expression.strip())
    if found is None:
        raise InputError(
            f"--fail-if {expression!r}: write METRIC less, METRIC more or METRIC < NUMBER, as in "
            f"'accuracy less' or 'full_breakdown@plain < 0.5'"
        )
    condition = found["condition"] or compared.condition
    rows = [
        row
        for row in compared.rows
        if (row.metric, row.condition, row.probes) == (found["metric"], condition, "")
    ]
    if not rows:
        there = ", ".join(dict.fromkeys(row.metric for row in compared.rows))
        raise InputError(
            f"--fail-if {expression!r}: nothing of that name was compared in {condition}; "
            f"there is: {there}"
        )
    if found["word"]:
        return [row for row in rows if row.verdict == found["word"]]
    limit, sign = float(found["limit"]), 1 if found["sign"] == "<" else -1
    return [row for row in rows if row.after is not None and sign * row.after < sign * limit]
