"""A judge's reply is parsed strictly, and what does not parse is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from starprobe.bench.models.backend import Request
from starprobe.bench.readers.base import Reading, read_one
from starprobe.bench.readers.judge import (
    INSTRUCTIONS,
    JudgeReader,
    batch_line,
    parse,
    stored_replies,
)
from starprobe.bench.records import Generation, ModelInfo, ResponseError
from starprobe.probes.errors import InputError, UserError
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
    backend = Canned([json.dumps(GOOD), json.dumps(GOOD | {"general": True}), None])
    judge = JudgeReader("canned:x", backend)
    readings = [READING._replace(id=f"r{n}", text=f"{READING.text} {n}") for n in range(3)]
    verdicts = list(judge.read(readings))
    assert [verdict and verdict.id for verdict in verdicts] == ["r0", "r1", None]
    assert [verdict and verdict.general for verdict in verdicts] == [False, True, None]
    assert backend.asked[0].prompt.messages[0].content == INSTRUCTIONS
    assert "it has a handle" in backend.asked[0].prompt.messages[1].content


class InTurn(Canned):
    """A backend that gives the next of its replies at each call."""

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        self.asked += requests
        reply = self.replies.pop(0)
        for request in requests:
            yield request.id, Generation(text=reply or "")


def test_a_broken_reply_is_mended_once_by_saying_what_is_wrong() -> None:
    backend = InTurn([json.dumps(GOOD | {"answer": "C"}), json.dumps(GOOD)])
    verdict = read_one(JudgeReader("canned:x", backend), READING)
    assert verdict.answer == "B"
    said = backend.asked[1].prompt.messages
    assert said[2].role == "assistant" and '"answer" must be a label' in said[3].content


def test_a_reply_that_stays_broken_is_an_error_and_no_verdict() -> None:
    backend = InTurn(["nonsense", "nonsense"])
    with pytest.raises(UserError, match="could not read r1"):
        read_one(JudgeReader("canned:x", backend), READING)
    assert len(backend.asked) == 2


def test_replies_are_kept_and_not_asked_for_again(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    first = JudgeReader("canned:x", InTurn([json.dumps(GOOD)]), file)
    assert first.estimate([READING]).requests == 1
    read_one(first, READING)
    again = JudgeReader("canned:x", InTurn([]), file)
    assert again.estimate([READING]).requests == 0
    assert read_one(again, READING).answer == "B"


def test_the_output_of_a_batch_is_read_as_replies(tmp_path: Path) -> None:
    line = batch_line(READING, "openai:gpt-x")
    assert line["body"]["model"] == "gpt-x"
    body = {"choices": [{"message": {"content": json.dumps(GOOD)}}]}
    file = tmp_path / "batch.jsonl"
    file.write_text(json.dumps({"custom_id": line["custom_id"], "response": {"body": body}}) + "\n")
    assert read_one(JudgeReader("openai:gpt-x", InTurn([]), file), READING).answer == "B"
    file.write_text(json.dumps({"custom_id": "x", "response": None}) + "\n")
    with pytest.raises(InputError, match="line 1"):
        stored_replies(file)


def test_what_an_option_is_reasoned_about_with_is_shown_by_attribution() -> None:
    verdict = parse(json.dumps(GOOD), READING, "j")
    assert verdict is not None
    (start, end), *_ = verdict.options["B"].spans
    assert "it has a handle" in READING.text[start:end]


def test_what_a_judge_takes_is_said_and_written_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from starprobe.bench.cli.responses import classify

    monkeypatch.setenv("STARPROBE_CACHE", str(tmp_path / "cache"))
    source, batch = tmp_path / "in.jsonl", tmp_path / "batch.jsonl"
    options = [{"label": shown.label, "text": shown.text} for shown in SHOWN]
    row = {"id": "r1", "question": READING.stem, "options": options, "response": READING.text}
    source.write_text(json.dumps(row) + "\n")
    classify(source, "judge:openai:gpt-x", dry_run=True)
    assert "1 requests" in capsys.readouterr().err
    classify(source, "judge:openai:gpt-x", export=batch)
    assert json.loads(batch.read_text()) == batch_line(READING, "openai:gpt-x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.jsonl", "in.jsonl"]
