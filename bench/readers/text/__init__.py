"""What a response says where: its parts, the options it refers to, the answer it states.

`examine` is the way in: it finds where the response to this question ends, cuts it up, finds the
options and the answer, attributes each stretch to the options that it speaks of, and says what
became of the question: answered, refused, cut off, several answers, or none of the options.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from starprobe.bench.readers.text.announced import Stated, declines
from starprobe.bench.readers.text.answer import TAIL, breaks_off, stated, verdicts_of
from starprobe.bench.readers.text.attribution import (
    Span,
    Unit,
    derivation,
    new_words,
    spans_of,
    units_of,
)
from starprobe.bench.readers.text.document import FLAGS, STOP, TOKEN, Document
from starprobe.bench.readers.text.document import stem as stem_of
from starprobe.bench.readers.text.mentions import find
from starprobe.bench.readers.text.options import Options, prepare
from starprobe.bench.records import MULTI, FinishReason, Outcome
from starprobe.probes.schema import ShownOption


class OptionEvidence(NamedTuple):
    """Where a response speaks of one option."""

    mentions: tuple[Span, ...]
    """Its label, its text, or most of its words."""
    evidence: tuple[Span, ...]
    """The stretches that are about it, in order and apart."""
    new: bool
    """At least one word in them is neither the option's, the question's nor mere judgement."""


class Attributed(NamedTuple):
    """A response with the stretches that speak of each option, and the answer that it states."""

    options: tuple[OptionEvidence, ...]
    """In the order of the options."""
    segments: tuple[Span, ...]
    """All sentences, items, rows and fields, in order and apart."""
    end: int
    """Where the response to this question ends; behind it a base model asks itself the next."""
    answer: str | None
    """The label stated; `multi` for several; None for none."""
    outcome: Outcome
    explicit: bool
    """The answer, or that there is none, is stated outright."""


class Examined(NamedTuple):
    """All that is known of a response before anything is judged."""

    options: Options
    document: Document
    units: tuple[tuple[Unit, ...], ...]
    """Of each option, in order of the text."""
    stated: Stated
    outcome: Outcome
    marked: dict[int, bool]
    """Options that a word or a sign on their line pronounces right or wrong."""


def examine(
    stem: str, shown: Sequence[ShownOption], text: str, finish_reason: FinishReason | None = None
) -> Examined:
    """Cut up, find, attribute. Never raises on any text; linear in its length."""
    options = prepare(_spoken(tuple(shown), text), stem)
    document = find(text[: own_end(text, options.question)], options)
    units = units_of(document, options)
    said = stated(document, options)
    if finish_reason == "length" and not stands_when_cut(document.text, said):
        said = Stated()
    if len(said.options) == 1:
        units += derivation(document, options, units, said.options[0])
    own: list[list[Unit]] = [[] for _ in shown]
    for unit in sorted(units, key=lambda unit: unit.first):
        own[unit.option].append(unit)
    outcome = outcome_of(text, document, options, said, finish_reason)
    marked = dict(verdicts_of(document))
    return Examined(options, document, tuple(map(tuple, own)), said, outcome, marked)


_POLAR = {"true": "yes", "false": "no"}
_TRUTH = re.compile(r"\b(?:true|false)\b", re.I)


def _spoken(shown: tuple[ShownOption, ...], text: str) -> tuple[ShownOption, ...]:
    """The options; "yes" and "no" for true and false in a response that has neither word."""
    said = [_POLAR.get(option.text.strip().lower(), "") for option in shown]
    if not shown or not all(said) or _TRUTH.search(text):
        return shown
    return tuple(
        option.model_copy(update={"text": word}) for option, word in zip(shown, said, strict=True)
    )


def attribute(
    stem: str, shown: Sequence[ShownOption], text: str, finish_reason: FinishReason | None = None
) -> Attributed:
    """What the response says where of each option, and what it states as its answer.

    Never raises on any text; linear in its length.
    """
    return attributed(examine(stem, shown, text, finish_reason), shown)


def attributed(examined: Examined, shown: Sequence[ShownOption]) -> Attributed:
    """What was found in a response, in characters."""
    document = examined.document
    mentions: list[list[Span]] = [[] for _ in shown]
    for own in document.mentions:
        for mention in own:
            mentions[mention.option].append((mention.start, mention.end))
    return Attributed(
        tuple(
            OptionEvidence(
                tuple(mentions[option]),
                spans_of(document, units),
                any(new_words(document, examined.options, unit) for unit in units),
            )
            for option, units in enumerate(examined.units)
        ),
        tuple((segment.start, segment.end) for segment in document.segments),
        len(document.text),
        answer_label(examined.stated, [option.label for option in shown]),
        examined.outcome,
        examined.stated.explicit,
    )


def answer_label(said: Stated, labels: Sequence[str]) -> str | None:
    """The label answered; `multi` for several; None for none."""
    if len(said.options) > 1:
        return MULTI
    return labels[said.options[0]] if said.options else None


_STOPPED = re.compile(
    r"<(?:\|(?:im_end|eot_id|end|endoftext|end_of_text)\||/s|end_of_turn|eos)>\s*\Z"
)
_ANNOUNCES = re.compile(
    r"\b(?:answers?|choose|chose|choice|pick|select|go with|opt for|therefore|conclu\w+|"
    r"(?:correct|right|best) (?:option|one|is))\b",
    re.I,
)


def outcome_of(
    text: str, document: Document, options: Options, answer: Stated, finish: FinishReason | None
) -> Outcome:
    """What became of the question."""
    if len(answer.options) > 1:
        return "multi"
    if answer.options:
        return "answered"
    if finish == "refusal" or declines(document.text):
        return "refused"
    if answer.how == "none":
        return "no_answer"
    ended = finish is not None or _STOPPED.search(text[-TAIL:])
    stops = not ended and breaks_off(document)
    return "cut" if stops or finish == "length" else "no_answer"


def stands_when_cut(text: str, said: Stated) -> bool:
    """Whether an answer counts in a response that was cut short: only where it is outright stated.

    An option that it opens with, or was about to weigh when it was cut, is none.
    """
    return said.how in ("field", "called", "none") or (
        said.how == "declared" and _ANNOUNCES.search(text) is not None
    )


_STOPS = re.compile(
    r"<\|(?:im_end|eot_id|end|endoftext|end_of_text|im_start|start_header_id|user)\|>|"
    r"</s>|<(?:start|end)_of_turn>|\[/?INST\]|<eos>"
)
"""Marks of the end of a turn, as a tokenizer's special tokens are spelled."""
_TURN = re.compile(
    r"\n[ #*]{0,8}(?:(?P<question>(?:Next )?(?:Q(?:uestion)?|Problem|Example|Exercise)"
    r"(?: ?\d{1,3})?)|Human|User|Instruction|Input|System|"
    r"The following (?:is|are)(?: a)? multiple[- ]choice questions?)"
    r"[ *]{0,4}(?:[:.]|\n)[ *]{0,4}\s{0,2}(?=\S)",
)
_SAID = re.compile(
    r"answer|option|choice|correct|therefore|thus|hence|\bso\b|boxed|\([A-Ja-j]\)", re.I
)
_CHOICES = re.compile(r"\([Aa]\)|\n *[Aa][.):]|\n *(?:Options|Choices|Answer Choices):", re.I)
SHORT = 60
"""Characters of an answer before which nothing need be said."""
RECENT = 400
"""Characters before the next question in which the answer is looked for."""
SAME = 0.5
"""Share of the question's words in a line that asks it again."""
FAR = 20_000
"""Characters behind which no next question is looked for."""


def own_end(text: str, question: frozenset[str]) -> int:
    """Where the response to this question ends; `question` are its content stems."""
    end = len(text)
    stop = _STOPS.search(text) if "<" in text or "[" in text else None
    if stop and text[: stop.start()].strip():
        end = stop.start()
    for turn in _TURN.finditer(text, 0, end):
        if turn.start() > FAR:
            break
        if _is_next(text, turn, question):
            return turn.start()
    return end


def _is_next(text: str, turn: re.Match[str], question: frozenset[str]) -> bool:
    """Something is answered before, and what follows is not the question itself again."""
    before = text[: turn.start()].strip(" \n*#-_")
    if not before:
        return False
    if turn["question"] is None:
        return True
    behind = text[turn.end() : turn.end() + 400]
    answered = len(before) <= SHORT or _SAID.search(before[-RECENT:]) or _CHOICES.search(behind)
    return bool(answered) and not _asks_again(behind, question)


def _asks_again(text: str, question: frozenset[str]) -> bool:
    line = text.split("\n", 1)[0]
    words = [word for word in TOKEN.findall(line.lower()) if not FLAGS.get(word, 0) & STOP]
    shared = sum(stem_of(word) in question for word in words)
    return bool(question) and bool(words) and shared >= SAME * len(words)
