"""Whole responses of many kinds, and ways of closing one: what each answers and says.

`data/responses.jsonl`: a response, the answer, the outcome, and where given one code an option:
0 not mentioned, n named, + - ~ or r reasoned about.
`data/closings.jsonl`: closings with {L} for a label and {T} for the text of the same option,
contexts with {c} for the closing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.readers import Reading, read_one
from starprobe.bench.readers.base import code_of
from starprobe.bench.readers.rules import RulesReader
from starprobe.bench.records import Verdict
from starprobe.probes.schema import ShownOption

DATA = Path(__file__).parent / "data"
READER = RulesReader()


def rows_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


RESPONSES = rows_of("responses.jsonl")
CLOSINGS = rows_of("closings.jsonl")
QUESTIONS = {row["name"]: row for row in CLOSINGS if row["kind"] == "question"}
WORDED = [name for name in QUESTIONS if name not in ("yesno", "negatives")]
"""Questions whose options are texts of their own."""
TWO_OPTIONS = ("eliminate", "elim_same", "think", "others_after", "bullets_after")
"""Contexts that speak of two other options."""


def read(text: str, stem: str, labels: Sequence[str], texts: Sequence[str]) -> Verdict:
    shown = tuple(
        ShownOption(label=label, option_id=label, text=option)
        for label, option in zip(labels, texts, strict=True)
    )
    return read_one(READER, Reading("x", text, stem, shown))


@pytest.mark.parametrize("row", RESPONSES, ids=[row["response"][:40] for row in RESPONSES])
def test_the_answer_the_outcome_and_the_reasons_of_a_response(row: dict[str, Any]) -> None:
    options = row["options"]
    verdict = read(row["response"], row["question"], list(options), list(options.values()))
    assert (verdict.answer, verdict.outcome) == (row["answer"], row["outcome"])
    for treatment in verdict.options.values():
        assert bool(treatment.spans) or treatment.treatment != "reasoned"
    if "codes" in row:
        reasoned = [one.treatment == "reasoned" for one in verdict.options.values()]
        assert reasoned == [code not in "0n" for code in row["codes"]]


def test_codes_of_most_options_are_exact() -> None:
    right = total = 0
    for row in RESPONSES:
        if "codes" in row:
            options = row["options"]
            verdict = read(row["response"], row["question"], list(options), list(options.values()))
            for expected, treatment in zip(row["codes"], verdict.options.values(), strict=True):
                code = code_of(treatment)
                right += code[0] == "r" if expected == "r" else code[-1] == expected
                total += 1
    assert right / total > 0.88


def closed(closing: str, context: str, asked: dict[str, Any]) -> str:
    """The response: a closing of the second option in its context."""
    pairs = list(zip(asked["labels"], asked["options"], strict=True))
    others = [label for place, (label, _) in enumerate(pairs) if place != 1]
    verdicts = ("this is something else.", "this has what is asked for.")
    filled = {
        "{c}": closing.format(L=pairs[1][0], T=pairs[1][1].rstrip(".")),
        "{O}": others[0],
        "{P}": others[-1],
        "{list}": "\n".join(f"({label}) {text}" for label, text in pairs),
        "{analysis}": "\n".join(
            f"{label}. {text} - {verdicts[place == 1]}" for place, (label, text) in enumerate(pairs)
        ),
    }
    for mark, value in filled.items():
        context = context.replace(mark, value)
    return context


def cases() -> list[tuple[str, str, list[str], int]]:
    """(closing, kind of context, names of questions, turn)."""
    found = []
    for turn, row in enumerate(row for row in CLOSINGS if row["kind"] in ("line", "sentence")):
        found.append((row["text"], "apart", list(QUESTIONS), turn))
        if row["kind"] == "sentence":
            found.append((row["text"], "inside", list(QUESTIONS), turn))
    texts = [row["text"] for row in CLOSINGS if row["kind"] == "text"]
    return found + [(text, "apart", WORDED, turn) for turn, text in enumerate(texts)]


@pytest.mark.parametrize(("closing", "kind", "names", "turn"), cases())
def test_a_closing_is_read_in_any_context(
    closing: str, kind: str, names: list[str], turn: int
) -> None:
    contexts = {row["name"]: row["text"] for row in CLOSINGS if row["kind"] == kind}
    wrong = []
    for place, name in enumerate(names):
        asked = QUESTIONS[name]
        fitting = [key for key in contexts if len(asked["options"]) > 2 or key not in TWO_OPTIONS]
        key = fitting[(turn + place) % len(fitting)]
        text = closed(closing, contexts[key], asked)
        verdict = read(text, asked["question"], asked["labels"], asked["options"])
        if (verdict.answer, verdict.outcome) != (asked["labels"][1], "answered"):
            wrong.append(f"{name}, {key}: {verdict.answer}")
    assert not wrong
