"""What became of the question: answered, refused, cut off, several answers, or none.

Knows how a text ends and how a model declines.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.text.announced import WINDOW, Stated, leader
from starprobe.bench.readers.text.options import Options
from starprobe.bench.readers.text.segments import Document
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
_DECLINES = re.compile(
    r"\bi (?:cannot|can't|can not|won't|will not|must decline|refuse)\b"
    r"(?! (?:see|be sure|say more))|"
    r"\b(?:i'm|i am) (?:sorry|unable|not able|not comfortable)\b|\bi apologi[sz]e\b|"
    r"\bas an? (?:ai|artificial|responsible|large language|language model)\b|"
    r"\bi (?:do not|don't) (?:have|hold) (?:\w+ ){0,3}(?:opinions?|beliefs?|feelings?|views?)\b|"
    r"\b(?:not|n't) (?:be )?(?:feel )?(?:appropriate|ethical|comfortable)\b|"
    r"\bagainst my (?:guidelines|programming|policy|policies|principles)\b|"
    r"\b(?:decline|refuse) to (?:answer|choose|respond|provide|select)\b|"
    r"\bno way for me to know\b",
    re.I,
)
_ANNOUNCES = re.compile(
    r"\b(?:answers?|choose|chose|choice|pick|select|go with|opt for|therefore|conclu\w+|"
    r"(?:correct|right|best) (?:option|one|is))\b",
    re.I,
)
TAIL, HEAD, LINES = 200, 400, 2000
"""Characters at the end for the end of a sentence, at both ends for a refusal, for other lines."""
REPEATS = 3
"""Times in a row that one sentence stands at the end where a model has lost itself."""


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
    stops = not ended and (breaks_off(document) or _is_unfinished(document, options))
    return "cut" if stops or finish == "length" else "no_answer"


def stands_when_cut(text: str, said: Stated) -> bool:
    """Whether an answer counts in a response that was cut short: only where it is outright stated.

    An option that it opens with, or was about to weigh when it was cut, is none.
    """
    return said.how in ("field", "called", "none") or (
        said.how == "declared" and _ANNOUNCES.search(text) is not None
    )


def declines(text: str) -> bool:
    """The response begins or ends by declining."""
    return bool(_DECLINES.search(text[:HEAD]) or _DECLINES.search(text[-TAIL:]))


def breaks_off(document: Document) -> bool:
    """The text stops in the middle of a sentence or a formula, or goes round in circles."""
    text, tail = document.text, document.text[-TAIL:]
    last = document.segments[-REPEATS:]
    if len(last) == REPEATS and len({text[s.content : s.end] for s in last}) == 1:
        return True
    trailing = _TRAILING.search(tail)
    end = tail[: trailing.start()] if trailing else tail
    if not end or _ENDS.search(end):
        formula = text.count("$") % 2 == 1 and _LATEX.search(text, text.rfind("$"))
        return bool(_OPENED.search(end) or formula)
    lines = [line.rstrip(" *_`|") for line in text[-LINES:].split("\n") if line.strip()][:-1]
    bare = sum(_UNSTOPPED.search(line) is not None for line in lines)
    return not _UNSTOPPED.search(end) or bare < 2 or bare * 2 < len(lines)


def _is_unfinished(document: Document, options: Options) -> bool:
    """Numbered items take up the options in turn, from the first, and stop before the last."""
    items = [
        (segment.number, leader(document, place))
        for place, segment in enumerate(document.segments[:WINDOW])
        if segment.number and segment.opens
    ]
    in_turn = all(item == (place + 1, place) for place, item in enumerate(items))
    return in_turn and 0 < len(items) < len(options.labels)
