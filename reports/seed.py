"""A run of a suite whose steps say what was once seen: experiment by experiment, then and now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from starprobe.bench.judges.stage import given_id, suite_of
from starprobe.bench.judges.votes import Judgement, read_judgements
from starprobe.probes.suites import Step, Suite
from starprobe.reports.tables import Cell, Hide, Row, Table, link
from starprobe.reports.words import OUTCOME_WORDS, STYLE_WORDS, percent

if TYPE_CHECKING:
    import pandas as pd

    from starprobe.reports.evidence import Evidence

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
    answers = Counter(_answer(evidence, row) for row in own.itertuples())
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


def _answer(evidence: Evidence, row: Any) -> str:
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
