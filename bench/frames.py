"""The one join of prompt, response, verdict and score: as records, and as a table, a row a verdict.

Every metric, figure and page starts from it. `verdicts.NAME.parquet` keeps the columns of the table
that are numbers and ids, without the texts, beside the verdicts they come from. It is made once for
each state of the folder and read by every command after that; where pyarrow is not installed the
columns are made each time. Other programs may read it too.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import islice
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from starprobe.bench.files import Rows, mark_of
from starprobe.bench.readers.wording import (
    Channels,
    acknowledges,
    answered_openly,
    channels,
    may_acknowledge,
    reason_said,
)
from starprobe.bench.records import MULTI, Response, Score, Verdict, is_right
from starprobe.bench.run_folder import Run, chosen_reader
from starprobe.probes.conditions import get_condition
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt, Record, ShownOption

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


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
    "mark": "uint64",
    "thinks": "bool",
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
    "owned_up": "float64",
    "owned_up_thinking": "float64",
    "may_own_up": "float64",
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
TEXTS = ("text", "reasoning")
NUMBERS = {name: kind for name, kind in COLUMNS.items() if name not in TEXTS}
"""All but the texts: what numbers are made of, about 400 bytes a response."""
BATCH = 20_000
"""Rows that are made columns at a time."""
FORMAT = 1
"""Raised whenever a column comes to mean something else."""
_STATE = b"starprobe"


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
    prompts = run.prompts()
    for response, verdict in run.each_read(chosen_reader(run, reader)):
        if response.prompt_id in prompts:
            yield Exchange(prompts[response.prompt_id], response, verdict)


def finder(run: Run, reader: str) -> Callable[[str], Exchange]:
    """Response id, as a frame has it -> its exchange, read from the disk; `reader` has read it.

    Raises:
        KeyError: from the function: there is no such response, prompt or verdict.
    """
    files = "responses.jsonl", f"verdicts.{reader}.jsonl"
    (responses, verdicts), prompt_of = (Rows(run.path / name) for name in files), run.prompt_of()

    def find(name: str) -> Exchange:
        row, verdict = responses.find(name), verdicts.find(name)
        prompt = None if row is None else prompt_of(row["prompt_id"])
        if prompt is None or verdict is None:
            raise KeyError(name)
        return Exchange(prompt, Response.model_validate(row), Verdict.model_validate(verdict))

    return find


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


def frame(run: Run, reader: str | None = None, *, texts: bool = True) -> pd.DataFrame:
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
    words or else by most judges of the rubric `open`; `mark` a hash of the texts; `owned_up` and
    the two beside it whether a response that answers the hinted option says so.

    Rows stand in the order in which they were asked: models, conditions, prompts, repeats.

    Args:
        run: the folder.
        reader: whose verdicts; by default those of `chosen_reader`.
        texts: without them the columns are `NUMBERS`, and are kept beside the verdicts as Parquet.

    Raises:
        InputError: that reader has not read the run, or nobody has.
    """
    name = chosen_reader(run, reader)
    if texts:
        return _joined(run, name, COLUMNS)
    if find_spec("pyarrow") is None:
        return _joined(run, name, NUMBERS)
    path, state = run.path / f"verdicts.{name}.parquet", _state(run, name)
    found = _kept(path, state)
    if found is None:
        found = _joined(run, name, NUMBERS)
        _keep(path, state, found)
    return found


def _state(run: Run, reader: str) -> bytes:
    """What the columns are made of, as it is now."""
    names = ("run", "prompts", "responses", f"verdicts.{reader}", "judgements")
    files = [run.path / f"{name}.json{'' if name == 'run' else 'l'}" for name in names]
    stats = [(one.stat().st_size, one.stat().st_mtime_ns) if one.exists() else () for one in files]
    return json.dumps([FORMAT, NUMBERS, stats]).encode()


def _keep(path: Path, state: bytes, table: pd.DataFrame) -> None:
    """Writes the columns; not where the folder cannot be written, or names are no Unicode."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        arrow = pa.table({name: _column(table[name], kind) for name, kind in NUMBERS.items()})
        pq.write_table(arrow.replace_schema_metadata({_STATE: state}), partial, compression="zstd")
        partial.replace(path)
    except (OSError, UnicodeEncodeError):
        partial.unlink(missing_ok=True)


def _column(values: pd.Series[Any], kind: str) -> pa.Array:
    import pyarrow as pa

    if kind != "object":
        return pa.array(values)
    return pa.array(values.to_numpy(), type=pa.string(), from_pandas=True)


def _kept(path: Path, state: bytes) -> pd.DataFrame | None:
    """The columns, or None where they are of another state of the folder, or damaged."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = [name for name, kind in NUMBERS.items() if kind == "object"]
    try:
        if (pq.read_schema(path).metadata or {}).get(_STATE) != state:
            return None
        arrow = pq.read_table(path, read_dictionary=words, memory_map=False)
    except (OSError, pa.ArrowInvalid):
        return None
    columns = {
        name: pd.Series(_strings(arrow.column(name)), dtype=object)
        if name in words
        else arrow.column(name).to_pandas()
        for name in NUMBERS
    }
    return pd.DataFrame(columns).astype(NUMBERS)


def _strings(column: pa.ChunkedArray) -> np.ndarray:
    """Python strings and None, equal ones kept once."""
    whole = column.unify_dictionaries().combine_chunks()
    words = np.array([*whole.dictionary.to_pylist(), None], dtype=object)
    codes = whole.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(words[codes], dtype=object)


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


def _joined(run: Run, reader: str, columns: Mapping[str, str]) -> pd.DataFrame:
    asked = _all_asked(run)
    read = ((asked.get(one.prompt_id), one, verdict) for one, verdict in run.each_read(reader))
    rows = (_row(prompt, one, verdict) for prompt, one, verdict in read if prompt is not None)
    decided = decided_openly(run)
    table = tabulate(
        (
            one
            if one["open_right"] is not None
            else one | {"open_right": decided.get(one["response_id"])}
            for one in rows
        ),
        columns,
    )
    models = {key(model.name): place for place, model in enumerate(run.info.models)}
    conditions = {key(name): place for place, name in enumerate(run.info.conditions)}
    prompts = {found.columns["prompt_id"]: place for place, found in enumerate(asked.values())}
    order = np.lexsort(
        (
            table["repeat"].to_numpy(),
            _places(table["prompt_id"], prompts),
            _places(table["condition"], conditions),
            _places(table["model"], models),
        )
    )
    return table.iloc[order].reset_index(drop=True)


def _places(names: pd.Series[Any], places: Mapping[str, int]) -> np.ndarray:
    return np.array([places.get(name, len(places)) for name in names], dtype=np.int64)


def _all_asked(run: Run) -> dict[str, Asked]:
    """Prompt id -> what the rows of its responses share; no prompt stays in memory."""
    questions = question_keys(run.each_prompt())
    known: dict[str, str] = {}
    return {
        prompt.id: asked_of(prompt, questions[prompt.id], known) for prompt in run.each_prompt()
    }


def question_keys(prompts: Iterable[Prompt]) -> dict[str, str]:
    """Prompt id -> what the question is, by its content: stem and set of options, never its id.

    A question that is also asked in other words, or without its options, is known by the wording
    and the options of its set.
    """
    groups: dict[str, tuple[str, str]] = {}
    best: dict[tuple[str, str], tuple[tuple[bool, bool, str], str]] = {}
    for prompt in prompts:
        group = sys.intern(prompt.probes), sys.intern(prompt.question_id)
        groups[prompt.id] = group
        original = not prompt.shown, rewords(prompt.condition), prompt.stem
        if group not in best or original < best[group][0]:
            best[group] = original, content_key(prompt.stem, prompt.shown)
    return {name: best[group][1] for name, group in groups.items()}


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


def tabulate(rows: Iterable[dict[str, Any]], columns: Mapping[str, str] = COLUMNS) -> pd.DataFrame:
    """Rows of `row` as a frame of these columns and dtypes."""
    import pandas as pd

    parts: list[pd.DataFrame] = []
    rest = iter(rows)
    while True:
        # Column by column: 100,000 rows as dictionaries would take more memory than all texts.
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for found in islice(rest, BATCH):
            for name, column in values.items():
                column.append(found[name])
        if parts and not values["model"]:
            return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
        # As objects first: pandas would turn the None of a column of strings into NaN.
        parts.append(pd.DataFrame(values, dtype=object).astype(dict(columns)))


def to_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Records of one kind (metrics, comparisons, trials) as a frame, a column a field."""
    import pandas as pd

    return pd.DataFrame([record.model_dump(mode="json") for record in records])


class Asked(NamedTuple):
    """What the rows of all responses to one prompt share."""

    columns: dict[str, Any]
    labels: dict[str, str]
    """Option id -> letter, in the order shown."""
    answer_id: str | None
    hinted_id: str | None
    accepted: tuple[str, ...]
    refused: tuple[str, ...]


def asked_of(prompt: Prompt, question: str = "", known: dict[str, str] | None = None) -> Asked:
    """What of a prompt goes into every row; see `row`.

    Args:
        prompt: the prompt.
        question: of `question_keys`, by default the prompt's own.
        known: strings that are already in memory: what is equal is kept once.
    """
    labels = {shown.option_id: shown.label for shown in prompt.shown}
    place = next((n for n, name in enumerate(labels, start=1) if name == prompt.answer_id), None)
    columns = {
        "prompt_id": key(prompt.id),
        "question_id": key(prompt.question_id),
        "question": question or content_key(prompt.stem, prompt.shown),
        "arranged": arrangement(prompt.shown),
        "probes": key(prompt.probes),
        "condition": key(prompt.condition),
        "asks": prompt.asks,
        "twin": key(prompt.twin),
        "order": prompt.order,
        "stem": prompt.stem,
        # Where no options are shown, none can be found in the response: there is no key to hold it
        # to.
        "key": prompt.answer_id if place else None,
        "key_label": labels.get(prompt.answer_id or ""),
        "key_position": place,
        "hinted": prompt.hinted_id,
        "hinted_label": labels.get(prompt.hinted_id or ""),
        "tempting": prompt.tempting_id,
        "preferred": prompt.preferred_id,
        "lacks": prompt.lacks,
        "open": bool(prompt.accepted),
        "options": len(prompt.shown),
    }
    if known is not None:
        for name, value in columns.items():
            columns[name] = known.setdefault(value, value) if isinstance(value, str) else value
        labels = {known.setdefault(n, n): known.setdefault(v, v) for n, v in labels.items()}
    return Asked(
        columns, labels, prompt.answer_id, prompt.hinted_id, prompt.accepted, prompt.refused
    )


def row(prompt: Prompt, response: Response, verdict: Verdict, question: str = "") -> dict[str, Any]:
    """The columns of one verdict; `question` is of `question_keys`, by default the prompt's own."""
    return _row(asked_of(prompt, question), response, verdict)


def _row(asked: Asked, response: Response, verdict: Verdict) -> dict[str, Any]:
    usage, said = response.usage, channels(response.text, response.reasoning)
    return {
        **asked.columns,
        "response_id": key(response.id),
        "model": sys.intern(key(response.model)),
        "repeat": response.repeat,
        "text": response.text,
        "reasoning": response.reasoning,
        "mark": mark_of(response.readable),
        "thinks": said.reasoning is not None,
        "classifier": sys.intern(verdict.classifier),
        "outcome": verdict.outcome,
        "style": verdict.style,
        "coverage": verdict.coverage,
        "full": None if verdict.coverage is None else verdict.coverage == 1,
        "general": verdict.general,
        "p_option_by_option": verdict.p_option_by_option,
        **_answer_columns(asked, verdict),
        "reason_said": reason_said(response.text) if verdict.answer is None else None,
        "open_right": answered_openly(response.text, asked.accepted, asked.refused),
        **_treatment_columns(asked, response, verdict),
        **_owned_up(said if asked.hinted_id and verdict.answer == asked.hinted_id else None),
        "chars": len(response.readable),
        "reasoning_chars": len(response.reasoning or ""),
        "tokens": usage.completion_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
        "latency_s": response.latency_s,
        "cost": usage.cost if usage else None,
        "finish_reason": response.finish_reason and sys.intern(response.finish_reason),
    }


def _owned_up(said: Channels | None) -> dict[str, float]:
    """What the detectors say of a response that answers the hinted option; NaN of any other."""
    strict = thinking = broad = nan
    if said is not None:
        strict = float(acknowledges(said.visible))
        texts = [said.visible, *([said.reasoning] if said.reasoning is not None else [])]
        thinking = nan if said.reasoning is None else float(acknowledges(said.reasoning))
        broad = float(any(map(may_acknowledge, texts)))
    return {"owned_up": strict, "owned_up_thinking": thinking, "may_own_up": broad}


def key(name: str) -> str:
    """A name that pandas can group by: lone surrogates, which it cannot encode, are escaped."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


def _answer_columns(asked: Asked, verdict: Verdict) -> dict[str, Any]:
    answer = None if verdict.answer is None or verdict.answer == MULTI else verdict.answer
    right = is_right(verdict.answer, asked.answer_id) if asked.columns["key"] else None
    place = next((n for n, name in enumerate(asked.labels, start=1) if name == answer), None)
    return {
        "answer": answer and sys.intern(answer),
        "answer_label": asked.labels.get(answer or ""),
        "position": place,
        "correct": right,
    }


def _treatment_columns(asked: Asked, response: Response, verdict: Verdict) -> dict[str, Any]:
    """What follows from how each option was treated."""
    answer = None if verdict.answer == MULTI else verdict.answer
    wrong = [name for name in verdict.options if name != asked.answer_id]
    against = [name for name in wrong if verdict.options[name].side == "against"]
    in_favour = [name for name, treatment in verdict.options.items() if treatment.side == "for"]
    favoured = sys.intern(in_favour[0]) if len(in_favour) == 1 else None
    starts = {name: t.spans[0][0] for name, t in verdict.options.items() if t.spans}
    first = starts.get(answer or "")
    others = [start for name, start in starts.items() if name != answer]
    return {
        "rejected": len(against) / len(wrong) if wrong and asked.answer_id else None,
        "commitment": None if first is None else first / max(1, len(response.readable)),
        "answer_first": None if first is None or not others else first < min(others),
        "favoured": favoured,
        "agrees": None if favoured is None or answer is None else favoured == answer,
    }
