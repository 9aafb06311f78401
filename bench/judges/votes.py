"""What judges say: the rows of judgements.jsonl, and many votes made into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from starprobe.bench.records import Generation
from starprobe.probes.errors import FolderError, first_error
from starprobe.probes.schema import Record


class RubricRow(Record):
    """The wording that judges were given, kept once for each hash."""

    kind: Literal["rubric"] = "rubric"
    name: str
    hash: str
    template: str
    choices: tuple[str, ...]


class CountRow(Record):
    """Whether a judge's votes on its own responses count; the last such row holds."""

    kind: Literal["count"] = "count"
    count_self: bool


class Judgement(Generation):
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
    """Judgement id -> its last row; rows on how they were asked and count are left out.

    Raises:
        FolderError: a row that is neither.
    """
    found: dict[str, Judgement] = {}
    for number, row in enumerate(rows, start=1):
        if row.get("kind") in ("rubric", "count"):
            continue
        try:
            judgement = Judgement.model_validate(row)
        except ValidationError as error:
            raise FolderError(f"judgements.jsonl, line {number}: {first_error(error)}") from None
        found[judgement.id] = judgement
    return found


SWAPPED = {"FIRST": "SECOND", "SECOND": "FIRST", "TIE": "TIE"}


def counts_self(rows: Iterable[dict[str, Any]]) -> bool:
    """Whether votes on one's own responses count in this run, as they do by default."""
    said = [row for row in rows if row.get("kind") == "count"]
    return bool(said[-1]["count_self"]) if said else True


class Consensus(Record):
    """What a panel says of one response, or of one pair."""

    response_id: str
    other_id: str | None = None
    choice: str | None
    """None: no votes, or as many for one choice as for another."""
    votes: dict[str, int]
    missing: int
    """Judges without a readable vote."""
    self_judged: int
    """Votes of the model that wrote the response; they count unless left out on request."""


def majority(choices: Sequence[str | None]) -> str | None:
    """The choice with most votes; None without votes and on ties. Missing votes are no votes."""
    counted = Counter(choice for choice in choices if choice is not None).most_common(2)
    if not counted or (len(counted) == 2 and counted[0][1] == counted[1][1]):
        return None
    return counted[0][0]


def consensus(judgements: Iterable[Judgement], count_self: bool = True) -> list[Consensus]:
    """One for each response judged by vote, in order of first appearance."""
    cases: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        if judgement.kind == "vote":
            cases.setdefault(judgement.response_id, []).append(judgement)
    return [
        _of(response_id, None, [(row, row.choice) for row in rows], count_self)
        for response_id, rows in cases.items()
    ]


def pair_consensus(
    judgements: Iterable[Judgement],
    count_self: bool = True,
    order: Mapping[str, int] | None = None,
) -> list[Consensus]:
    """One for each pair; a judge whose choice turns with the order has said TIE.

    Choices are in terms of `response_id` (FIRST) and `other_id` (SECOND) of the result. A judge
    that could be read in one order only has no vote.
    """
    cases: dict[tuple[str, str], dict[str, list[Judgement]]] = {}
    for judgement in judgements:
        if judgement.kind == "pair" and judgement.other_id is not None:
            one, two = as_asked(judgement.response_id, judgement.other_id, order or {})
            cases.setdefault((one, two), {}).setdefault(judgement.judge, []).append(judgement)
    return [
        _of(one, two, [(rows[0], both_orders(one, rows)) for rows in by_judge.values()], count_self)
        for (one, two), by_judge in cases.items()
    ]


def as_asked(one: str, two: str, order: Mapping[str, int]) -> tuple[str, str]:
    """Two responses in the order in which they were asked, whichever a judge was shown first."""
    first, second = sorted((one, two), key=lambda name: (order.get(name, len(order)), name))
    return first, second


def both_orders(first: str, rows: Sequence[Judgement]) -> str | None:
    """One judge's vote on a pair from its judgements of both orders; `first` is its FIRST."""
    choices = {
        row.response_id == first: row.choice
        if row.response_id == first
        else SWAPPED.get(row.choice or "")
        for row in rows
    }
    if len(choices) < 2 or None in choices.values():
        return None
    return choices[True] if choices[True] == choices[False] else "TIE"


def _of(
    response_id: str,
    other_id: str | None,
    rows: Sequence[tuple[Judgement, str | None]],
    count_self: bool,
) -> Consensus:
    counted = [choice for row, choice in rows if count_self or not row.self_judging]
    return Consensus(
        response_id=response_id,
        other_id=other_id,
        choice=majority(counted),
        votes=dict(Counter(choice for choice in counted if choice is not None)),
        missing=sum(choice is None for choice in counted),
        self_judged=sum(row.self_judging for row, _ in rows),
    )
