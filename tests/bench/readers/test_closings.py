"""The answer is found however a response closes it, and only where there is one."""

from __future__ import annotations

import pytest

from starprobe.bench.readers import load_classifier
from starprobe.bench.readers.base import Reading
from starprobe.bench.records import Verdict
from starprobe.probes.schema import ShownOption

from .closings import APART, INSIDE, LINES, QUESTIONS, SENTENCES, TEXTS
from .endings import ENDINGS, Asked, Ending

READER = load_classifier("rules")
"""The answer does not hang on what is learned."""
RIGHT = 1
WORDED = [name for name in QUESTIONS if name not in ("yesno", "negatives")]
"""Questions whose options are texts of their own."""
TWO_OPTIONS = ("eliminate", "elim_same", "think", "others_after", "bullets_after")
"""Contexts that speak of two other options."""


def read(text: str, asked: Asked) -> Verdict:
    shown = tuple(
        ShownOption(label=label, option_id=label, text=option)
        for label, option in zip(asked.labels, asked.texts, strict=True)
    )
    return READER.classify(Reading("x", text, asked.stem, shown))


def asked_of(name: str) -> Asked:
    labels, stem, texts = QUESTIONS[name]
    return Asked(stem, texts, tuple(labels[: len(texts)]))


def placed(context: str, closing: str, asked: Asked) -> str:
    """The response: a closing of the right option in its context."""
    others = [label for place, label in enumerate(asked.labels) if place != RIGHT]
    right = asked.texts[RIGHT].rstrip(".")
    said = closing.format(L=asked.labels[RIGHT], T=right)
    pairs = list(zip(asked.labels, asked.texts, strict=True))
    listed = "\n".join(f"({label}) {text}" for label, text in pairs)
    verdicts = ("this is something else.", "this has what is asked for.")
    analysis = "\n".join(
        f"{label}. {text} - {verdicts[place == RIGHT]}" for place, (label, text) in enumerate(pairs)
    )
    filled = {"{c}": said, "{O}": others[0], "{P}": others[-1]}
    filled |= {"{list}": listed, "{analysis}": analysis}
    for mark, value in filled.items():
        context = context.replace(mark, value)
    return context


def missed(closing: str, contexts: dict[str, str], names: list[str], turn: int) -> list[str]:
    """The responses that were read wrongly: a context a question, another one for each closing."""
    wrong = []
    for place, name in enumerate(names):
        asked = asked_of(name)
        fitting = [key for key in contexts if len(asked.texts) > 2 or key not in TWO_OPTIONS]
        key = fitting[(turn + place) % len(fitting)]
        verdict = read(placed(contexts[key], closing, asked), asked)
        if (verdict.answer, verdict.outcome) != (asked.labels[RIGHT], "answered"):
            wrong.append(f"{name}, {key}: {verdict.answer}")
    return wrong


@pytest.mark.parametrize(("turn", "closing"), list(enumerate((*LINES, *SENTENCES))))
def test_a_closing_by_label_is_read_in_a_paragraph_of_its_own(turn: int, closing: str) -> None:
    assert not missed(closing, APART, list(QUESTIONS), turn)


@pytest.mark.parametrize(("turn", "closing"), list(enumerate(SENTENCES)))
def test_a_closing_sentence_is_read_on_the_line_of_the_reasoning(turn: int, closing: str) -> None:
    assert not missed(closing, INSIDE, list(QUESTIONS), turn)


@pytest.mark.parametrize(("turn", "closing"), list(enumerate(TEXTS)))
def test_a_closing_by_text_is_read(turn: int, closing: str) -> None:
    assert not missed(closing, APART, WORDED, turn)


@pytest.mark.parametrize("ending", ENDINGS, ids=[ending.text[:40] for ending in ENDINGS])
def test_the_answer_and_outcome_of_whole_responses(ending: Ending) -> None:
    verdict = read(ending.text, ending.asked)
    assert (verdict.answer, verdict.outcome) == (ending.answer, ending.outcome)
