"""What became of a question: answered, refused, cut off, or left without an answer."""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.lists import is_unfinished
from starprobe.bench.readers.answers.records import Answer
from starprobe.bench.readers.lexicon import REFUSALS
from starprobe.bench.readers.mentions import Document
from starprobe.bench.readers.options import Options
from starprobe.bench.records import FinishReason, Outcome

_STOPPED = re.compile(
    r"<(?:\|(?:im_end|eot_id|end|endoftext|end_of_text)\||/s|end_of_turn|eos)>\s*\Z"
)
_TRAILING = re.compile(r"(?:<\|?/?[\w ]{1,20}\|?>|[\s*_#>~])+\Z")
_ENDS = re.compile(
    r"[.!?\u2026\u3002\"'\u201d\u2019)\]}`$|%\u00b0\u2600-\u27bf\U0001f300-\U0001faff]\Z"
)
_UNSTOPPED = re.compile(r"[^\W_]\Z")
_OPENED = re.compile(r"(?:\A|[\s(\[{])[\"']\Z")
_LATEX = re.compile(r"[\\^_]")
_REFUSES = re.compile(
    r"(?:\bnot|n't) (?:be )?(?:feel )?(?:appropriate|ethical|comfortable)\b|"
    r"\bagainst my (?:guidelines|programming|policy|policies|principles)\b|"
    r"\b(?:decline|refuse) to (?:answer|choose|respond|provide|select)\b",
    re.I,
)
_KNOWING = re.compile(
    r"[^.!?\n]{0,20}\b(?:determine|tell|identify|see|find|conclude|say|be (?:sure|certain)|know|"
    r"infer|deduce|verify|confirm|access|view|think|decide|calculate|solve|definitively)\b"
)
_APOLOGIES = frozenset({"i'm sorry", "i am sorry", "i apologize", "sorry, but"})
HEAD, TAIL, LINES = 400, 200, 2000
"""Characters in which a refusal is looked for, the end of a sentence, and other lines' ends."""
REPEATS = 3
"""Times in a row that one sentence stands at the end where a model has lost itself."""


def outcome_of(
    text: str, document: Document, options: Options, answer: Answer, finish: FinishReason | None
) -> Outcome:
    """What became of the question."""
    if answer.multi:
        return "multi"
    if answer.answer is not None:
        return "answered"
    if answer.how == "field":
        return "no_answer"
    if finish == "refusal" or refuses(document.text):
        return "refused"
    ended = finish is not None or _STOPPED.search(text[-TAIL:])
    stops = not ended and (breaks_off(document) or is_unfinished(document, options))
    return "cut" if stops or finish == "length" else "no_answer"


def breaks_off(document: Document) -> bool:
    """The text stops in the middle of a sentence or a formula, or goes round in circles."""
    return is_cut(document.text) or _circles(document)


def is_cut(text: str) -> bool:
    """The text stops in the middle of a sentence, and has not left out full stops all along."""
    tail = text[-TAIL:]
    trailing = _TRAILING.search(tail)
    end = tail[: trailing.start()] if trailing else tail
    if not end or _ENDS.search(end):
        return bool(_OPENED.search(end)) or _in_formula(text)
    lines = [line.rstrip(" *_`|") for line in text[-LINES:].split("\n") if line.strip()][:-1]
    bare = sum(_UNSTOPPED.search(line) is not None for line in lines)
    return not _UNSTOPPED.search(end) or bare < 2 or bare * 2 < len(lines)


def _in_formula(text: str) -> bool:
    """An odd dollar sign, with LaTeX behind it, was never closed."""
    return text.count("$") % 2 == 1 and bool(_LATEX.search(text, text.rfind("$")))


def _circles(document: Document) -> bool:
    """The last sentence was said right before, again and again."""
    last = document.segments[-REPEATS:]
    return len(last) == REPEATS and len({document.text[s.content : s.end] for s in last}) == 1


def refuses(text: str) -> bool:
    """The response begins by declining: not for want of knowledge."""
    head = text[:HEAD].lower()
    for cue in REFUSALS:
        at = head.find(cue)
        if at >= 0 and cue not in _APOLOGIES and not _KNOWING.match(head, at + len(cue)):
            return True
    sorry = any(cue in head for cue in _APOLOGIES)
    return bool(_REFUSES.search(head)) or (sorry and not _KNOWING.search(head))
