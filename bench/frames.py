"""The one join of prompt, response, verdict and score: as records, and as a table, a row a verdict.

Every metric, figure and page starts from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.bench.readers.text.unasked import answered_openly, reason_said
from starprobe.bench.records import MULTI, Response, Score, Verdict, is_right
from starprobe.bench.run_folder import Run, chosen_reader
from starprobe.probes.conditions import get_condition
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt, Record, ShownOption

if TYPE_CHECKING:
    import pandas as pd


def score(verdict: Verdict, prompt: Prompt) -> Score:
    """Whether the answer found is the prompt's: None without a key that is shown or one answer.

    The verdict names option ids, as verdicts in a run folder do.
    """
    shown = {option.option_id for option in prompt.shown}
    if prompt.answer_id not in shown or verdict.answer is None or verdict.answer == MULTI:
        return Score(id=verdict.id, correct=None)
    return Score(id=verdict.id, correct=is_right(verdict.answer, prompt.answer_id))


COLUMNS: dict[str, str] = {
    "response_id": "object",
    "prompt_id": "object",
    "model": "object",
    "question_id": "object",
    "question": "object",
    "arranged": "object",
    "probes": "object",
    "condition": "object",
    "asks": "object",
    "twin": "object",
    "order": "int64",
    "repeat": "int64",
    "stem": "object",
    "text": "object",
    "reasoning": "object",
    "classifier": "object",
    "outcome": "str",
    "style": "str",
    "coverage": "float64",
    "full": "boolean",
    "general": "bool",
    "p_option_by_option": "float64",
    "answer": "object",
    "answer_label": "object",
    "key": "object",
    "key_label": "object",
    "key_position": "Int64",
    "hinted": "object",
    "hinted_label": "object",
    "tempting": "object",
    "preferred": "object",
    "lacks": "object",
    "reason_said": "object",
    "open": "bool",
    "open_right": "boolean",
    "options": "int64",
    "position": "Int64",
    "correct": "boolean",
    "rejected": "float64",
    "commitment": "float64",
    "answer_first": "boolean",
    "favoured": "object",
    "agrees": "boolean",
    "chars": "int64",
    "reasoning_chars": "int64",
    "tokens": "Float64",
    "reasoning_tokens": "Float64",
    "latency_s": "float64",
    "cost": "float64",
    "finish_reason": "object",
}
"""Column -> dtype; `docs/metrics.md` says what each is. What a file or a model wrote is `object`:
pandas' own strings have no lone surrogates, and models write them."""


class Exchange(NamedTuple):
    """One request and what came of it."""

    prompt: Prompt
    response: Response
    verdict: Verdict

    @property
    def correct(self) -> bool | None:
        """The score of `score`."""
        return score(self.verdict, self.prompt).correct


def exchanges(run: Run, reader: str | None = None) -> Iterator[Exchange]:
    """Every response of a run that one reader has read, with its prompt and verdict.

    In the order of responses.jsonl. A response to a prompt that the run does not hold is left out.

    Args:
        run: the folder.
        reader: whose verdicts; by default those of `chosen_reader`.

    Raises:
        InputError: that reader has not read the run, or nobody has.
    """
    prompts, verdicts = run.prompts(), run.verdicts(chosen_reader(run, reader))
    for name, response in run.responses().items():
        if name in verdicts and response.prompt_id in prompts:
            yield Exchange(prompts[response.prompt_id], response, verdicts[name])


def in_order(run: Run, found: Iterable[Exchange]) -> list[Exchange]:
    """Exchanges in the order in which they were asked; they were written as they finished."""
    place = places_of(run)
    return sorted(found, key=lambda one: place(one.response))


def places_of(run: Run) -> Callable[[Response], tuple[int, int, int, int]]:
    """Sorts responses by the run's models, its conditions, its prompts and the repeat."""
    prompts = run.prompts()
    models = {model.name: place for place, model in enumerate(run.info.models)}
    conditions = {name: place for place, name in enumerate(run.info.conditions)}
    places = {prompt_id: place for place, prompt_id in enumerate(prompts)}

    def place(row: Response) -> tuple[int, int, int, int]:
        condition = prompts[row.prompt_id].condition if row.prompt_id in prompts else ""
        return (
            models.get(row.model, len(models)),
            conditions.get(condition, len(conditions)),
            places.get(row.prompt_id, -1),
            row.repeat,
        )

    return place


def frame(run: Run, reader: str | None = None) -> pd.DataFrame:
    """One row for each verdict of `chosen_reader`'s; columns and dtypes are `COLUMNS`.

    `question` is the question's content (stem and set of options) and `arranged` the order in which
    the options are shown: runs are paired by them, and not by ids or numbers of orders.
    `answer`, `key`, `hinted` and `favoured` are option ids, the `_label` columns the letters shown,
    `position` and `key_position` the places (from 1) of the answer given and of the key. `answer`
    is None where there is none or more than one; `full` is coverage = 1 (missing without options);
    `correct` what `score` gives; `rejected` the share of wrong options with a reason
    against; `commitment` the place of the first evidence for the answer as a share of the text;
    `favoured` the only option argued for; `reason_said` why none of the options is right, where the
    response answers none and says so; `open_right` whether an answer in free words is right, by its
    words or else by most judges of the rubric `open`.

    Raises:
        InputError: that reader has not read the run, or nobody has.
    """
    questions, decided = question_keys(run.prompts()), decided_openly(run)
    rows = (
        row(*exchange, questions[exchange.prompt.id])
        for exchange in in_order(run, exchanges(run, reader))
    )
    return tabulate(
        one
        if one["open_right"] is not None
        else one | {"open_right": decided.get(one["response_id"])}
        for one in rows
    )


def decided_openly(run: Run) -> dict[str, bool]:
    """Response id -> whether judges find an answer in free words right, where most of them say."""
    votes: dict[str, list[bool]] = {}
    for vote in run.judgements():
        if vote.get("rubric") == "open" and vote.get("choice") in ("RIGHT", "WRONG"):
            votes.setdefault(key(str(vote["response_id"])), []).append(vote["choice"] == "RIGHT")
    return {
        name: 2 * sum(found) > len(found)
        for name, found in votes.items()
        if 2 * sum(found) != len(found)
    }


def question_keys(prompts: Mapping[str, Prompt]) -> dict[str, str]:
    """Prompt id -> what the question is, by its content: stem and set of options, never its id.

    A question that is also asked in other words, or without its options, is known by the wording
    and the options of its set.
    """
    asked: dict[tuple[str, str], list[Prompt]] = {}
    for prompt in prompts.values():
        asked.setdefault((prompt.probes, prompt.question_id), []).append(prompt)
    keys = {
        name: content_key(min(group, key=_originality).stem, min(group, key=_originality).shown)
        for name, group in asked.items()
    }
    return {name: keys[prompt.probes, prompt.question_id] for name, prompt in prompts.items()}


def _originality(prompt: Prompt) -> tuple[bool, bool, str]:
    """Sorts the prompts of one question: with options and in the set's own words first."""
    return not prompt.shown, rewords(prompt.condition), prompt.stem


@cache
def rewords(condition: str) -> bool:
    """Whether a condition asks in other words than the set's; False for unknown names."""
    try:
        return get_condition(condition).paraphrase > 0
    except InputError:
        return False


def content_key(stem: str, shown: Iterable[ShownOption]) -> str:
    """The identity of a question: a hash of its stem and the set of its options' texts."""
    words = " ".join(stem.split()), sorted(" ".join(option.text.split()) for option in shown)
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]


def arrangement(shown: Iterable[ShownOption]) -> str:
    """The order in which options are shown, by their texts and not by letters, ids or numbers."""
    words = [" ".join(option.text.split()) for option in shown]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:12] if words else ""


def tabulate(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `row` as a frame with the dtypes of `COLUMNS`."""
    import pandas as pd

    # Column by column: 100,000 rows as dictionaries would take more memory than all texts.
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for found in rows:
        for name, values in columns.items():
            values.append(found[name])
    # As objects first: pandas would turn the None of a column of strings into NaN.
    return pd.DataFrame(columns, dtype=object).astype(COLUMNS)


def to_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Records of one kind (metrics, comparisons, trials) as a frame, a column a field."""
    import pandas as pd

    return pd.DataFrame([record.model_dump(mode="json") for record in records])


def row(prompt: Prompt, response: Response, verdict: Verdict, question: str = "") -> dict[str, Any]:
    """The columns of one verdict; `question` is of `question_keys`, by default the prompt's own."""
    usage = response.usage
    return {
        "response_id": key(response.id),
        "prompt_id": key(prompt.id),
        "model": key(response.model),
        "question_id": key(prompt.question_id),
        "question": question or content_key(prompt.stem, prompt.shown),
        "arranged": arrangement(prompt.shown),
        "probes": key(prompt.probes),
        "condition": key(prompt.condition),
        "asks": prompt.asks,
        "twin": key(prompt.twin),
        "order": prompt.order,
        "repeat": response.repeat,
        "stem": prompt.stem,
        "text": response.text,
        "reasoning": response.reasoning,
        "classifier": verdict.classifier,
        "outcome": verdict.outcome,
        "style": verdict.style,
        "coverage": verdict.coverage,
        "full": None if verdict.coverage is None else verdict.coverage == 1,
        "general": verdict.general,
        "p_option_by_option": verdict.p_option_by_option,
        **_answer_columns(prompt, verdict),
        "reason_said": reason_said(response.text) if verdict.answer is None else None,
        "open": bool(prompt.accepted),
        "open_right": answered_openly(response.text, prompt.accepted, prompt.refused),
        **_treatment_columns(prompt, response, verdict),
        "chars": len(response.readable),
        "reasoning_chars": len(response.reasoning or ""),
        "tokens": usage.completion_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
        "latency_s": response.latency_s,
        "cost": usage.cost if usage else None,
        "finish_reason": response.finish_reason,
    }


def key(name: str) -> str:
    """A name that pandas can group by: lone surrogates, which it cannot encode, are escaped."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


def _answer_columns(prompt: Prompt, verdict: Verdict) -> dict[str, Any]:
    labels = {shown.option_id: shown.label for shown in prompt.shown}
    places = {shown.option_id: place for place, shown in enumerate(prompt.shown, start=1)}
    answer = None if verdict.answer == MULTI else verdict.answer
    return {
        "answer": answer,
        "answer_label": labels.get(answer or ""),
        # Where no options are shown, none can be found in the response: there is no key to hold it
        # to.
        "key": prompt.answer_id if prompt.answer_id in places else None,
        "key_label": labels.get(prompt.answer_id or ""),
        "key_position": places.get(prompt.answer_id or ""),
        "hinted": prompt.hinted_id,
        "hinted_label": labels.get(prompt.hinted_id or ""),
        "tempting": prompt.tempting_id,
        "preferred": prompt.preferred_id,
        "lacks": prompt.lacks,
        "options": len(prompt.shown),
        "position": places.get(answer or ""),
        "correct": score(verdict, prompt).correct,
    }


def _treatment_columns(prompt: Prompt, response: Response, verdict: Verdict) -> dict[str, Any]:
    """What follows from how each option was treated."""
    answer = None if verdict.answer == MULTI else verdict.answer
    wrong = [name for name in verdict.options if name != prompt.answer_id]
    against = [name for name in wrong if verdict.options[name].side == "against"]
    in_favour = [name for name, treatment in verdict.options.items() if treatment.side == "for"]
    favoured = in_favour[0] if len(in_favour) == 1 else None
    starts = {name: t.spans[0][0] for name, t in verdict.options.items() if t.spans}
    first = starts.get(answer or "")
    others = [start for name, start in starts.items() if name != answer]
    return {
        "rejected": len(against) / len(wrong) if wrong and prompt.answer_id else None,
        "commitment": None if first is None else first / max(1, len(response.readable)),
        "answer_first": None if first is None or not others else first < min(others),
        "favoured": favoured,
        "agrees": None if favoured is None or answer is None else favoured == answer,
    }
