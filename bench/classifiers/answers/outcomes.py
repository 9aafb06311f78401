"""What became of a question: answered, refused, cut off, or left without an answer."""

from __future__ import annotations

import re

from bench.classifiers.answers.records import Answer
from bench.classifiers.lexicon import REFUSALS
from bench.records import FinishReason, Outcome

_TRAILING = re.compile(r"(?:<\|?/?[\w ]{1,20}\|?>|[\s*_`#>~])+\Z")
_OPEN = re.compile(r"[^\W_]\Z|[,;:(\[{=+/\\<&-]\Z")
_UNSTOPPED = re.compile(r"[^\W_]\Z")
_STOPPED = re.compile(
    r"<(?:\|(?:im_end|eot_id|end|endoftext|end_of_text)\||/s|end_of_turn|eos)>\s*\Z"
)
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
HEAD = 400
"""Characters from the start in which a refusal is looked for."""
TAIL, LINES = 200, 2000


def outcome_of(text: str, answer: Answer, finish_reason: FinishReason | None) -> Outcome:
    """What became of the question."""
    if answer.multi:
        return "multi"
    if answer.answer is not None:
        return "answered"
    if answer.how == "field":
        return "no_answer"
    if finish_reason == "refusal" or refuses(text.replace("\u2019", "'")):
        return "refused"
    if finish_reason == "length" or (finish_reason is None and is_cut(text)):
        return "cut"
    return "no_answer"


def is_cut(text: str) -> bool:
    """The text stops in the middle of a sentence, and has not left out full stops all along."""
    tail = text[-TAIL:]
    if _STOPPED.search(tail):
        return False
    trailing = _TRAILING.search(tail)
    if not _OPEN.search(tail[: trailing.start()] if trailing else tail):
        return False
    lines = [line.rstrip(" *_`|") for line in text[-LINES:].split("\n") if line.strip()][:-1]
    bare = sum(_UNSTOPPED.search(line) is not None for line in lines)
    return bare < 2 or bare * 2 < len(lines)


def refuses(text: str) -> bool:
    """The response begins by declining: not for want of knowledge."""
    head = text[:HEAD].lower()
    for cue in REFUSALS:
        at = head.find(cue)
        if at >= 0 and cue not in _APOLOGIES and not _KNOWING.match(head, at + len(cue)):
            return True
    sorry = any(cue in head for cue in _APOLOGIES)
    return bool(_REFUSES.search(head)) or (sorry and not _KNOWING.search(head))
