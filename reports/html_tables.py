"""Metrics, comparisons, changed pairs, then and now, as rows of HTML tables. No template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from starprobe.bench.judges.panel import Judgement, read_judgements
from starprobe.bench.judges.stage import given_id, suite_of
from starprobe.bench.metrics.compare import said
from starprobe.bench.metrics.definitions import all_metrics
from starprobe.bench.records import STYLES, Comparison, Metric
from starprobe.probes.suites import Step, Suite
from starprobe.reports.evidence import Evidence, Results
from starprobe.reports.words import OUTCOME_WORDS, STYLE_WORDS, is_share, percent, short_p, signed

if TYPE_CHECKING:
    import pandas as pd


Hide = Callable[[str], Any]
One = TypeVar("One")


class Cell(NamedTuple):
    """What is shown, and what is sorted and copied by."""

    text: Any
    value: Any = None
    mark: str = ""
    link: str = ""


class Row(NamedTuple):
    """Cells, and a class."""

    cells: list[Cell]
    mark: str = ""


class Table(NamedTuple):
    """A table as the template takes it."""

    id: str
    title: str
    caption: str
    columns: list[tuple[str, str]]
    """(words, class): class `n` for numbers."""
    rows: list[Row]


Column = tuple[str, str, Callable[[One], Cell]]
"""Words, class, and a record's cell."""
ROLES = ("primary", "secondary", "exploratory")


def link(filters: dict[str, str]) -> str:
    """The address, inside the page, of the responses that pass these filters."""
    return urlencode(filters)


def number(name: str, value: float | None) -> Cell:
    """A value of this metric: shares in percent, other numbers with three digits."""
    if value is None:
        return Cell("–", "")
    words = (
        percent(value) if is_share(name) else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    )
    return Cell(words, f"{value:.6g}")


def table_of(
    id: str,
    title: str,
    caption: str,
    records: Iterable[One],
    columns: Sequence[Column[One]],
    sure: Callable[[One], bool] = lambda one: False,
) -> Table:
    """A row a record: under each heading what its function makes of it; bold where it is sure."""
    rows = [
        Row([cell(one) for _, _, cell in columns], "sure" if sure(one) else "") for one in records
    ]
    return Table(id, title, caption, [(words, kind) for words, kind, _ in columns], rows)


def says(name: str) -> str:
    """What a metric is, in words."""
    return all_metrics()[name].says if name in all_metrics() else ""


def metrics_table(metrics: Iterable[Metric], hide: Hide) -> Table:
    """Every metric that has a value, with its interval."""
    return table_of(
        "metrics",
        "Every metric",
        "95 % intervals with the question as unit. Select a heading to sort.",
        [m for m in metrics if m.value is not None],
        [
            ("model", "", lambda m: Cell(hide(m.model))),
            ("condition", "", lambda m: Cell(m.condition)),
            ("metric", "", lambda m: Cell(m.name.replace("_", " "))),
            ("value", "n", lambda m: number(m.name, m.value)),
            ("low", "n", lambda m: number(m.name, m.low)),
            ("high", "n", lambda m: number(m.name, m.high)),
            ("questions", "n", lambda m: Cell(f"{m.n:,}", m.n)),
            ("what it is", "w", lambda m: Cell(says(m.name))),
        ],
    )


def comparison_table(
    rows: Sequence[Comparison],
    title: str,
    hide: Hide,
    *,
    id: str = "comparison",
    sides: tuple[str, str] = ("before", "after"),
    pairs: str = "several",
) -> Table:
    """A row a metric and condition: both sides, the difference, its test and the verdict.

    Args:
        rows: of `bench.metrics.compare` and its like.
        title: of the table.
        hide: how a model's name is written.
        id: of the table.
        sides: what the two sides are called.
        pairs: which names of models are shown: `none`, those of `one` side, or of `both`.
    """
    kept = [row for row in rows if row.before is not None and row.after is not None]
    first, second = ("model" if pairs == "one" else sides[0]), sides[1]
    heads: list[Column[Comparison]] = [
        (first, "", lambda c: Cell(hide(c.model_before))),
        (second, "", lambda c: Cell(hide(c.model_after))),
    ]
    heads = heads[: {"none": 0, "one": 1, "both": 2}[pairs]]
    if any(row.probes for row in kept):
        heads.append(("question set", "", lambda c: Cell(c.probes or "all")))
    return table_of(
        id,
        title,
        "Paired by the question’s content. Primary: the one outcome declared beforehand, tested "
        "alone. Secondary: adjusted together (Holm). Exploratory: adjusted as false discoveries "
        "(Benjamini and Hochberg), and no more than a hint. Alike: the interval lies inside the "
        "margin. Lost and gained: pairs that were true only on the first side, only on the second.",
        kept,
        [
            *heads,
            ("condition", "", lambda c: Cell(c.condition)),
            ("metric", "", lambda c: Cell(c.metric.replace("_", " "))),
            (f"{sides[1]} is", "", lambda c: Cell(c.verdict or "–")),
            (sides[0], "n", lambda c: number(c.metric, c.before)),
            (sides[1], "n", lambda c: number(c.metric, c.after)),
            ("difference", "n", lambda c: difference(c.metric, c.difference)),
            ("95 % interval", "n", lambda c: Cell(_between(c), "")),
            ("outcome", "", lambda c: Cell(c.role, ROLES.index(c.role))),
            ("p", "n", lambda c: p_cell(c.p)),
            ("p adjusted", "n", lambda c: p_cell(c.p_adjusted)),
            ("questions", "n", _counted),
            ("in words", "", lambda c: Cell(said(c))),
            ("lost", "n", lambda c: Cell(_or_none(c.before_only), c.before_only)),
            ("gained", "n", lambda c: Cell(_or_none(c.after_only), c.after_only)),
            ("test", "", lambda c: Cell(c.test)),
            ("what it is", "w", lambda c: Cell(says(c.metric))),
        ],
        lambda c: c.verdict in ("more", "less") and c.role != "exploratory",
    )


def _counted(c: Comparison) -> Cell:
    left = f", {c.unmatched} on one side only" if c.unmatched else ""
    return Cell(f"{c.n:,}{left}", c.n)


def _or_none(count: int | None) -> int | str:
    return "" if count is None else count


def checked_table(results: Results, hide: Hide) -> Table:
    """Each figure as read and as the labels of a sample have it."""
    return table_of(
        "checked",
        "As read and as labelled",
        "As labelled: estimated from a sample of known probabilities, by its design, with 95 % "
        "intervals; it holds whatever the reader’s errors are.",
        [one for _, check in results.checks for one in check.metrics],
        [
            ("model", "", lambda one: Cell(hide(one.model))),
            ("condition", "", lambda one: Cell(one.condition)),
            ("metric", "", lambda one: Cell(one.metric.replace("_", " "))),
            ("as read", "n", lambda one: number(one.metric, one.read)),
            ("as labelled", "n", lambda one: number(one.metric, one.value)),
            ("low", "n", lambda one: number(one.metric, one.low)),
            ("high", "n", lambda one: number(one.metric, one.high)),
            ("labels", "n", lambda one: Cell(one.labels, one.labels)),
            ("questions", "n", lambda one: Cell(f"{one.n:,}", one.n)),
        ],
    )


def difference(name: str, value: float | None) -> Cell:
    """A difference: of shares in points, of numbers with its sign."""
    if value is None:
        return Cell("–", "", "change")
    return Cell(signed(name, value), f"{value:.6g}", "change")


def _between(c: Comparison) -> str:
    if c.low is None or c.high is None:
        return "–"
    low, high = (signed(c.metric, v).removesuffix(" points") for v in (c.low, c.high))
    return f"{low} to {high}"


def p_cell(p: float | None) -> Cell:
    """A p value without its letter, sorted by its value."""
    if p is None:
        return Cell("–", "")
    return Cell(short_p(p), f"{p:.6g}")


AFTER = "after"
"""The word before the names of the models after."""
CHANGES = {
    (True, False): "lost",
    (False, True): "gained",
    (True, True): "right both times",
    (False, False): "right neither time",
}
"""Right before and after -> the browser's word for it."""
FLIPS = 1000
"""Changed pairs listed; the browser has all."""


def grid_table(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> Table:
    """Style on one side by style on the other, in pairs; each number leads to its responses."""
    there = [
        style
        for style in STYLES
        if (first["style"] == style).any() or (second["style"] == style).any()
    ]
    counts = Counter(zip(first["style"], second["style"], strict=True))
    rows = [
        Row(
            [
                Cell(STYLE_WORDS[one]),
                *(_count(counts[one, two], {"before": one, "after": two}) for two in there),
            ],
        )
        for one in there
    ]
    columns = [(f"{names[0]} ↓, {names[1]} →", ""), *((STYLE_WORDS[style], "n") for style in there)]
    caption = "Pairs of responses to the same question. A number shows its responses."
    return Table("grid", "Which style became which", caption, columns, rows)


def answers_grid(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> Table:
    """Right or not on one side by the other, in pairs whose question has a key."""
    known = first["key"].notna().to_numpy() & second["key"].notna().to_numpy()
    right = [side["correct"].fillna(False).to_numpy(dtype=bool)[known] for side in (first, second)]
    counts = Counter(zip(*right, strict=True))
    rows = [
        Row(
            [
                Cell("right" if one else "not right"),
                *(_count(counts[one, two], {"change": CHANGES[one, two]}) for two in (True, False)),
            ]
        )
        for one in (True, False)
    ]
    columns = [(f"{names[0]} ↓, {names[1]} →", ""), ("right", "n"), ("not right", "n")]
    caption = "Pairs of responses to the same question, where it has a right answer."
    return Table(
        "answers-grid", "Right and not right", caption, columns, rows if known.any() else []
    )


def _count(number: int, where: dict[str, str]) -> Cell:
    return Cell(f"{number:,}", number, link=link(where) if number else "")


def flips_table(before: pd.DataFrame, after: pd.DataFrame) -> Table:
    """The pairs whose style or correctness changed, each linked to its responses."""
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
        "model": f"{AFTER} · {after.model}",
        "condition": before.condition,
        **({"order": str(before.order)} if before.order else {}),
        **({"repeat": str(before.repeat)} if before.repeat else {}),
    }
    return Row(
        [
            Cell(str(before.stem)[:120], link=link(where)),
            Cell(before.condition),
            *(Cell(STYLE_WORDS[side.style]) for side in (before, after)),
            *(_coverage(side.coverage) for side in (before, after)),
            *(_answer(side) for side in (before, after)),
        ]
    )


def _coverage(value: float) -> Cell:
    return Cell("–", "") if value != value else Cell(percent(value), f"{value:.4g}")


def _answer(side: Any) -> Cell:
    if side.outcome != "answered":
        return Cell(OUTCOME_WORDS[side.outcome])
    known = side.key is not None and side.key == side.key
    mark = "" if not known else " ✓" if side.answer == side.key else " ✗"
    return Cell(f"{side.answer_label or '?'}{mark}")


NOT_ASKED = "not asked"


def then_and_now(evidence: Evidence, hide: Hide) -> Table | None:
    """A row an experiment, a column a model; None where no run was asked by such a suite."""
    found = [suite for run in evidence.runs if (suite := suite_of(run)) is not None]
    suites = {one.name: one for one in found if any(step.seen for step in one.step)}
    if not suites:
        return None
    judgements = [
        (place, row)
        for place, run in enumerate(evidence.runs)
        for row in read_judgements(run.judgements()).values()
    ]
    rows = [
        row
        for suite in suites.values()
        for step in suite.step
        for row in _rows(step, suite, evidence, judgements)
    ]
    columns = [("no.", "n"), ("asked", ""), ("then", ""), ("seen then", "")]
    columns += [(hide(name), "") for name in evidence.models]
    caption = (
        "What was seen then, as it was told of other models, beside what each model does now. One "
        "question an experiment: none of it shows how often a model does so."
    )
    return Table("then-now", "Then and now", caption, columns, rows)


def _rows(
    step: Step, suite: Suite, evidence: Evidence, judgements: Sequence[tuple[int, Judgement]]
) -> Iterator[Row]:
    """A row for each condition of a step that asks; one for a step that rates responses."""
    then = [Cell(", ".join(step.models)), Cell(step.seen)]
    if step.kind == "ask":
        for condition in step.conditions:
            asked = _asked(evidence.frame, step.question, (condition,))
            now = [_answered(evidence, asked, model) for model in evidence.models]
            words = f"{step.question}, {condition}"
            yield Row([Cell(step.number, step.number), Cell(words), *then, *now])
        return
    conditions = [
        name for other in suite.step if other.number in step.of for name in other.conditions
    ]
    rated = _asked(evidence.frame, step.question, conditions)
    now = [_rated(step, rated, model, judgements) for model in evidence.models]
    which = ", ".join(str(number) for number in step.of)
    words = f"{'scores' if step.kind == 'reward' else 'votes'} on the responses of {which}"
    yield Row([Cell(step.number, step.number), Cell(words), *then, *now])
    for text in step.given:
        name = given_id(step.number, text)
        told = [row for _, row in judgements if row.response_id == name and row.error is None]
        said = "; ".join(_said(row.judge, [row]) for row in told) or NOT_ASKED
        row = [Cell(step.number, step.number), Cell(f"scores on the given answer '{text}'"), *then]
        yield Row([*row, *(Cell(said) for _ in evidence.models)])


def _asked(frame: pd.DataFrame, question: str, conditions: Sequence[str]) -> pd.DataFrame:
    return frame[(frame["question_id"] == question) & frame["condition"].isin(list(conditions))]


def _answered(evidence: Evidence, rows: pd.DataFrame, model: str) -> Cell:
    """What a model answered, most often, and how it reasoned."""
    own = rows[rows["model"] == model]
    if not len(own):
        return Cell(NOT_ASKED)
    answers = Counter(_answer_text(evidence, row) for row in own.itertuples())
    styles = Counter(STYLE_WORDS[style] for style in own["style"])
    first = own.iloc[0]
    where = {"question": first["question_id"], "model": model, "condition": first["condition"]}
    if len(own) == 1:
        said = f"{next(iter(answers))}; {next(iter(styles))}"
    else:
        said = "; ".join(
            ", ".join(f"{name} ({count} of {len(own)})" for name, count in found.most_common(2))
            for found in (answers, styles)
        )
    return Cell(said, link=link(where))


def _answer_text(evidence: Evidence, row: Any) -> str:
    """The text of the option answered, or what came instead."""
    shown = evidence.runs[row.run].prompts()[row.prompt_id].shown
    return next(
        (one.text for one in shown if one.option_id == row.answer), OUTCOME_WORDS[row.outcome]
    )


def _rated(
    step: Step, rows: pd.DataFrame, model: str, judgements: Sequence[tuple[int, Judgement]]
) -> Cell:
    """What each judge or reward model made of a model's responses."""
    own = rows[rows["model"] == model]
    mine = {(run, name) for run, name in zip(own["run"], own["response_id"], strict=True)}
    found: dict[str, list[Judgement]] = {}
    for run, row in judgements:
        wanted = row.kind == "reward" if step.kind == "reward" else row.kind == "vote"
        if wanted and row.error is None and (run, row.response_id) in mine:
            found.setdefault(row.judge, []).append(row)
    return Cell("; ".join(_said(judge, rated) for judge, rated in found.items()) or NOT_ASKED)


def _said(judge: str, rows: Sequence[Judgement]) -> str:
    scores: dict[str, list[float]] = {}
    for row in rows:
        for name, value in (row.scores or {}).items():
            scores.setdefault(name, []).append(value)
    if scores:
        means = ", ".join(f"{name} {sum(v) / len(v):.3g}" for name, v in scores.items())
        return f"{judge}: {means} ({len(rows)} rated)"
    choices = Counter(row.choice for row in rows if row.choice is not None)
    if not choices:
        return f"{judge}: nothing that could be read"
    most, count = choices.most_common(1)[0]
    return f"{judge}: {most} {percent(count / len(rows))} of {len(rows)}"
