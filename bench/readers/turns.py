"""Where a response ends and the model goes on by itself: the next question, another turn.

Base models that were shown examples answer and then ask themselves the next question; what they say
there is about other options. Knows the words of the question, not its options.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.lexicon import FLAGS, STOP
from starprobe.bench.readers.words import TOKEN, stem

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
    shared = sum(stem(word) in question for word in words)
    return bool(question) and bool(words) and shared >= SAME * len(words)
