"""Which figures a report shows, each only where its data exist: drawing, words and numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.bench.files import write_atomic
from starprobe.bench.frames import key
from starprobe.bench.judges.panel import Judgement, read_judgements
from starprobe.bench.statistics.labelled import Agreement
from starprobe.reports import answer_figures as answers
from starprobe.reports import behaviour_figures as behaviour
from starprobe.reports.drawing import SERIES, leading
from starprobe.reports.evidence import Evidence, Results, gather, results_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


class Panel(NamedTuple):
    """One figure on the page."""

    id: str
    title: str
    aid: str
    """One line: how to read it."""
    figure: go.Figure
    table: pd.DataFrame
    """The numbers behind it."""
    click: dict[str, str] = {}  # noqa: RUF012 - never changed
    """Filter -> where a clicked point says its value: `x`, `y`, `trace` or `data.INDEX`."""
    rows: bool = True
    """Whether responses in this report lie behind it."""
    wide: bool = False
    """Whether it takes the whole width of a wide screen."""


def _any(table: pd.DataFrame) -> bool:
    return len(table) > 0


class _Plan(NamedTuple):
    id: str
    title: str
    aid: str
    table: Callable[..., pd.DataFrame]
    """From the frame."""
    draw: Callable[..., go.Figure]
    """From the table."""
    click: dict[str, str] = {}  # noqa: RUF012 - never changed
    needs: Callable[[pd.DataFrame], bool] = _any
    """Given the table: whether there is something to see."""
    wide: bool = False
    stored: bool = True
    """Whether its numbers stand in metrics.json."""
    coloured: bool = False
    """Whether a model is a colour: then no more are drawn than there are colours."""


def _worth_a_map(table: pd.DataFrame) -> bool:
    """More than one question, and most of them asked of most models."""
    questions = table["question_id"].nunique()
    rows = len(table.drop_duplicates(["model", "condition"]))
    return questions > 1 and len(table) > 0.3 * questions * rows


PLANS: tuple[_Plan, ...] = (
    _Plan(
        "style-shares",
        "How they answer",
        "Each bar is all responses of one model under one condition. The more dark blue on the "
        "left, the more often it gave a reason for every option.",
        behaviour.style_shares_table,
        behaviour.draw_style_shares,
        {"model": "data.0", "condition": "data.1", "style": "trace"},
        wide=True,
    ),
    _Plan(
        "spontaneous-elicited",
        "Unasked and asked",
        "From what a model does unasked to what it does when asked for reasons. A short line far "
        "to the right is a habit; a long line is an ability that has to be asked for. Where there "
        "are many conditions, an upright stroke is what it does unasked.",
        behaviour.spontaneous_elicited_table,
        behaviour.draw_spontaneous_elicited,
        {"model": "data.0"},
        lambda table: table["condition"].nunique() > 1,
    ),
    _Plan(
        "coverage",
        "How many options they reason about",
        "On the right are responses that reason about all options, on the left about none. A model "
        "with both ends high switches between two ways of answering.",
        behaviour.coverage_distribution_table,
        behaviour.draw_coverage_distribution,
        stored=False,
        coloured=True,
    ),
    _Plan(
        "accuracy-coverage",
        "Accuracy against coverage",
        "Right: reasons about more options. Up: more right answers. Where the crosses overlap, the "
        "difference may be chance. A mark a condition: point at one for its name.",
        answers.accuracy_coverage_table,
        answers.draw_accuracy_coverage,
        {"condition": "data.0", "model": "data.6"},
        coloured=True,
    ),
    _Plan(
        "question-map",
        "Question by question",
        "A column a question, bright where every option got a reason. Columns that stay dark in "
        "every row are questions that nobody breaks down.",
        behaviour.question_map_table,
        behaviour.draw_question_map,
        {"question": "x"},
        _worth_a_map,
        stored=False,
        wide=True,
    ),
    _Plan(
        "letters",
        "Letters",
        "How often each place in the list is answered. Bars far from the dashes, where the right "
        "answers stand, mean a preference for a letter.",
        answers.letters_table,
        answers.draw_letters,
        coloured=True,
    ),
    _Plan(
        "order-flips",
        "Another order, another answer",
        "Of two answers to one question in two orders of its options, how often they differ; where "
        "it was asked again in the same order, chance alone. Only the excess is the order’s doing.",
        answers.order_flips_table,
        answers.draw_order_flips,
    ),
    _Plan(
        "hints",
        "Following a hint",
        "How often the answer is the option that the prompt presents as right.",
        answers.hints_table,
        answers.draw_hints,
    ),
    _Plan(
        "effort",
        "Tokens, time and cost",
        "The box holds the middle half of the responses, the whiskers 90 %. Reasons about every "
        "option cost tokens: see how many.",
        answers.effort_table,
        answers.draw_effort,
        stored=False,
        wide=True,
        coloured=True,
    ),
)


def panels(frame: pd.DataFrame, results: Results) -> Iterator[Panel]:
    """The figures of a frame, in order.

    Args:
        frame: of `reports.evidence.gather`.
        results: the numbers that they show.
    """
    few = leading(frame, len(SERIES))
    some = frame["model"].nunique() > len(few)
    note = f" The {len(SERIES)} models with the most questions are drawn." if some else ""
    for plan in PLANS:
        table = plan.table(frame, results.metrics) if plan.stored else plan.table(frame)
        if plan.needs(table):
            drawn = table[table["model"].isin(few)] if plan.coloured and some else table
            more = (behaviour.stems(frame),) if plan.draw is behaviour.draw_question_map else ()
            yield Panel(
                plan.id,
                plan.title,
                plan.aid + note if plan.coloured else plan.aid,
                plan.draw(drawn, *more),
                table,
                click=plan.click,
                wide=plan.wide,
            )
        if plan.id == "style-shares":
            yield from _model_differences(results)


PAIRS_DRAWN = 45
"""Pairs of ten models: more lines than this are no figure; the table has them all."""


def _model_differences(results: Results) -> Iterator[Panel]:
    table = behaviour.model_differences_table(results.models)
    if len(table):
        yield Panel(
            "model-differences",
            "Model against model",
            "Each line is two models on the same questions, with the interval of their difference. "
            "An interval inside the grey band: alike. One that leaves zero: told apart. Else: "
            "undecided, too few questions.",
            behaviour.draw_model_differences(table.head(PAIRS_DRAWN)),
            table,
            rows=False,
            wide=True,
        )


def embedded(panel: Panel) -> dict[str, Any]:
    """A panel as JSON for the page: plotly's data and layout, and its table by columns."""
    figure = json.loads(panel.figure.to_json())
    return {
        "data": figure["data"],
        "layout": figure["layout"],
        "click": panel.click,
        "table": columns(panel.table),
    }


def columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table by columns, six digits a number, None where nothing is."""
    return {str(name): _column(table[name]) for name in table.columns}


def _column(values: pd.Series[Any]) -> list[Any]:
    known = values.astype(object).where(values.notna(), None).tolist()
    return [float(f"{value:.6g}") if isinstance(value, float) else value for value in known]


def check_panels(evidence: Evidence, results: Results) -> Iterator[Panel]:
    """Judge agreement, rewards against length, and faithfulness curves, where there are any."""
    judged = _agreement(results)
    if judged:
        found = answers.judge_agreement_table(judged)
        yield Panel(
            "judge-agreement",
            "Do the judges agree?",
            "Points on the right: the judges say the same. Where raw agreement is high and the "
            "others are low, nearly all responses got the same vote.",
            answers.draw_judge_agreement(found),
            found,
            rows=False,
        )
    rewards = answers.reward_length_table(list(_rewards(evidence)))
    if len(rewards):
        yield Panel(
            "reward-length",
            "Reward against length",
            "A cloud that rises to the right is a reward model that likes long responses: compare "
            "scores only at the same length.",
            answers.draw_reward_length(rewards),
            rewards,
        )
    curves = answers.faithfulness_table(results.faithfulness)
    if len(curves):
        yield Panel(
            "faithfulness",
            "Does the answer hang on the rationale?",
            "A curve that is high from the left on: the answer was there before the rationale. A "
            "curve that climbs late: the answer waits for it.",
            answers.draw_faithfulness(curves),
            curves,
        )


def _shown(evidence: Evidence) -> dict[tuple[int, str], str]:
    """(place of the run, model as in the run) -> name shown."""
    frame = evidence.frame
    return dict(
        zip(zip(frame["run"], frame["source_model"], strict=True), frame["model"], strict=True)
    )


def _agreement(results: Results) -> dict[str, Agreement]:
    several = len(results.judged) > 1
    return {
        f"{rubric} ({name})" if several else rubric: agreement
        for name, judged in results.judged
        for rubric, agreement in judged.agreement.items()
        if len(agreement.judges) > 1
    }


def _rewards(evidence: Evidence) -> Iterator[tuple[str, Judgement]]:
    shown = _shown(evidence)
    for place, run in enumerate(evidence.runs):
        judgements = read_judgements(run.judgements()).values()
        rows = [row for row in judgements if row.kind == "reward" and row.scores]
        responses: dict[str, Any] = run.responses() if rows else {}
        for row in rows:
            response = responses.get(row.response_id)
            if response is not None and (place, response.model) in shown:
                yield shown[place, response.model], row


def write_data(
    paths: Sequence[Path | str] | Path | str, out: Path | str, *, reader: str | None = None
) -> Path:
    """The folder in which each figure of a report of these runs has its table.

    Raises:
        FolderError: a folder is no run, or the files cannot be written.
        InputError: there is nothing to show.
    """
    folders = [paths] if isinstance(paths, str | Path) else list(paths)
    target = Path(out)
    evidence = gather(folders, reader)
    for panel in panels(evidence.frame, results_of(evidence)):
        table = panel.table.map(lambda value: key(value) if isinstance(value, str) else value)
        write_atomic(target / f"{panel.id}.csv", table.map(_tame).to_csv(index=False))
        if find_spec("pyarrow"):
            write_atomic(target / f"{panel.id}.parquet", table.to_parquet(index=False))
    return target


def _tame(value: Any) -> Any:
    """A spreadsheet would run text that begins like a formula: it gets an apostrophe."""
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky else value
