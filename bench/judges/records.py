"""The rows of judgements.jsonl: what was asked of a judge, and what each judge said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ValidationError

from starprobe.bench.records import ResponseError, Usage
from starprobe.bench.storage import first_error
from starprobe.probes.errors import FolderError
from starprobe.probes.schema import Record


class RubricRow(Record):
    """The wording that judges were given, kept once for each hash."""

    kind: Literal["rubric"] = "rubric"
    name: str
    hash: str
    template: str
    choices: tuple[str, ...]


class Judgement(Record):
    """What one judge or reward model said of one response, or of a pair in one order."""

    id: str
    """Hash of who judged what, with which wording, in which order."""
    kind: Literal["vote", "pair", "reward"]
    judge: str
    revision: str | None = None
    rubric: str | None = None
    """Name of the rubric; None for rewards."""
    rubric_hash: str | None = None
    response_id: str
    """Of a pair, the response shown first."""
    other_id: str | None = None
    """Of a pair, the response shown second."""
    choice: str | None = None
    """One of the rubric's choices; None where none could be read: missing, never a vote."""
    scores: dict[str, float] | None = None
    """Attribute -> score, as the reward model gives them; one score is called `reward`."""
    self_judging: bool = False
    """The judge is the model that wrote what it judges."""
    chars: int
    """Length of the response judged (of the first of a pair): scores follow length."""
    tokens: int | None = None
    text: str = ""
    """What the judge wrote."""
    usage: Usage | None = None
    latency_s: float | None = None
    error: ResponseError | None = None

    @property
    def failed_to_parse(self) -> bool:
        """Answered, but with nothing that could be read."""
        return self.error is None and self.choice is None and self.scores is None


class JudgeCount(Record):
    """How one judge did its work."""

    judge: str
    rubric: str | None
    asked: int
    unreadable: int
    """Answered without a verdict: missing votes."""
    failed: int
    """Requests that ended in an error."""
    self_judging: int
    first_error: str | None = None


def read_judgements(rows: Iterable[dict[str, Any]]) -> dict[str, Judgement]:
    """Judgement id -> its last row; rubric rows are left out.

    Raises:
        FolderError: a row that is neither.
    """
    found: dict[str, Judgement] = {}
    for number, row in enumerate(rows, start=1):
        if row.get("kind") == "rubric":
            continue
        try:
            judgement = Judgement.model_validate(row)
        except ValidationError as error:
            raise FolderError(f"judgements.jsonl, line {number}: {first_error(error)}") from None
        found[judgement.id] = judgement
    return found
