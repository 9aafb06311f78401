"""A judge's reply is parsed strictly, and what does not parse is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from starprobe.bench.models.base import Request
from starprobe.bench.readers.base import Reading
from starprobe.bench.readers.judge import (
    INSTRUCTIONS,
    JudgeClassifier,
    UnreadableJudgement,
    parse,
)
from starprobe.bench.records import Generation, ModelInfo, ResponseError
from starprobe.probes.schema import ShownOption

SHOWN = tuple(
    ShownOption(label=label, option_id=label, text=text)
    for label, text in (("A", "pool"), ("B", "basket"))
)
READING = Reading("r1", "B, it has a handle.", "What carries a dog?", SHOWN)
GOOD = {"options": {"A": "0", "B": "r+"}, "general": False, "answer": "B", "outcome": "answered"}


class Canned:
    """A backend that replies what it was given."""

    def __init__(self, replies: list[str | None]) -> None:
        self.replies = replies
        self.asked: list[Request] = []

    def info(self) -> ModelInfo:
        return ModelInfo(name="canned")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        self.asked += requests
        for request, reply in zip(reversed(requests), reversed(self.replies), strict=True):
            error = ResponseError(kind="timeout", message="late") if reply is None else None
            yield request.id, Generation(text=reply or "", error=error)

    def close(self) -> None:
        pass


def test_a_good_reply_becomes_a_verdict_with_a_derived_style() -> None:
    verdict = parse(json.dumps(GOOD), READING, "judge:x-1")
    assert verdict is not None
    assert (verdict.style, verdict.coverage, verdict.answer) == ("chosen_only", 0.5, "B")
    assert verdict.options["B"].side == "for"


@pytest.mark.parametrize(
    "wrap", ["```json\n%s\n```", "```\n%s\n```", "<think>Hm.</think>\n%s", " %s "]
)
def test_a_fence_or_thinking_around_the_object_is_allowed(wrap: str) -> None:
    assert parse(wrap % json.dumps(GOOD), READING, "j") is not None


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"A": "0"}},
        {"options": {"A": "0", "B": "r+", "C": "n"}},
        {"options": {"A": "0", "B": "good"}},
        {"options": ["0", "r+"]},
        {"answer": "C"},
        {"answer": None},
        {"answer": ["B"]},
        {"outcome": "done"},
        {"outcome": "refused"},
        {"general": "no"},
        {"general": None},
    ],
)
def test_anything_else_is_missing(change: dict[str, object]) -> None:
    assert parse(json.dumps(GOOD | change), READING, "j") is None


@pytest.mark.parametrize(
    "reply", ["", "B", "{", "[]", "null", json.dumps(GOOD) + " done", "[" * 9999]
)
def test_a_reply_that_is_no_object_is_missing(reply: str) -> None:
    assert parse(reply, READING, "j") is None


def test_replies_find_their_responses_whatever_their_order() -> None:
    backend = Canned([json.dumps(GOOD), "nonsense", None])
    judge = JudgeClassifier("canned:x", backend)
    readings = [READING._replace(id=f"r{number}") for number in range(3)]
    verdicts = list(judge.read_all(readings))
    assert [verdict and verdict.id for verdict in verdicts] == ["r0", None, None]
    assert backend.asked[0].prompt.messages[0].content == INSTRUCTIONS
    assert "it has a handle" in backend.asked[0].prompt.messages[1].content


def test_one_unreadable_reply_is_an_error_and_no_verdict() -> None:
    with pytest.raises(UnreadableJudgement):
        JudgeClassifier("canned:x", Canned(["nonsense"])).classify(READING)
