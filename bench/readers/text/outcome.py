"""What became of the question: answered, refused, cut off, several answers, or none of the options.

Knows how a text ends, how a model declines, and how it says that no option fits and why; judges
answers in free words. Found by wording; only the first two are validated on labelled responses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from starprobe.bench.readers.text.announced import Stated
from starprobe.bench.readers.text.options import Options
from starprobe.bench.readers.text.segments import Document
from starprobe.bench.records import FinishReason, Outcome
from starprobe.probes.checks import normalise

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
    stops = not ended and (breaks_off(document))
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


Reason = Literal["missing", "false_premise", "unknowable"]
"""Why no option is right: the right one is missing, the question supposes what is not so, or
nobody can know. As probe sets name it, and as a response says it."""

_OFFERED = (
    r"(?:options?|answers?|choices?|alternatives?|above|below|these|them|listed|provided|given)"
)
_SAYS: tuple[tuple[Reason, re.Pattern[str]], ...] = (
    (
        "false_premise",
        re.compile(
            r"""\b(?:false|wrong|mistaken|incorrect|faulty|flawed|invalid)\s+
                (?:premise|assumption|presupposition)
            | \b(?:premise|assumption|presupposition)\s+(?:\w+\s+){0,5}?(?:is|was)\s+(?:\w+\s+)?
              (?:false|wrong|mistaken|incorrect|faulty|flawed|invalid|not\s+(?:true|correct))
            | \bquestion\s+(?:wrongly\s+|falsely\s+|incorrectly\s+)?
              (?:assumes|presupposes|supposes|is\s+based\s+on)
            | \bthere\s+(?:is|was|are|were|has\s+(?:never\s+)?been|have\s+(?:never\s+)?been)\s+
              (?:no\s+such|never)\b
            | \bthere\s+(?:has|have)\s+never\s+been\b
            | \b(?:does|do|did|has|have)(?:\s+not|n['’]t|\s+never)\s+(?:actually\s+|ever\s+)?
              (?:exist|existed|happen|happened|occurred|occur|take\s+place|taken\s+place)\b
            | \bnever\s+(?:actually\s+)?(?:existed|happened|occurred|took\s+place)\b
            | \btrick\s+question\b | \bno\s+such\s+(?:thing|person|place|country|animal|event)""",
            re.IGNORECASE | re.VERBOSE,
        ),
    ),
    (
        "unknowable",
        re.compile(
            r"""\b(?:can\s?not|can['’]t|could\s+not|couldn['’]t|(?:is|am|are|be|['’]m)\s+unable\s+to
                | (?:im|not\s+)possible\s+to|no\s+way\s+(?:to|of|for)|no\s+means\s+of
                | (?:do|does)(?:\s+not|n['’]t)\s+(?:really\s+)?(?=know\b|have\s+(?:enough|any)))\s*
              (?:\w+\s+){0,4}?
              (?:know|known|knowing|determine[d]?|tell|telling|predict\w*|be\s+sure|guess
                |be\s+answered|have\s+(?:enough|any))\b
            | \b(?:nobody|no\s+one|no-one)\s+(?:can|could|knows?)\b
            | \b(?:not\s+enough|insufficient|too\s+little|lack(?:s|ing)?(?:\s+\w+)?)\s+
              (?:information|data|context|details?)
            | \b(?:is|are|remains?)\s+(?:simply\s+|currently\s+)?un(?:known|knowable|predictable)\b
            | \bdepends\s+(?:on|entirely)\b""",
            re.IGNORECASE | re.VERBOSE,
        ),
    ),
    (
        "missing",
        re.compile(
            rf"""\bnone\s+of\s+(?:the\s+|these\s+|those\s+)?(?:\w+\s+){{0,2}}?{_OFFERED}
            | \bnone\s+of\s+(?:the\s+)?(?:four|five|them)\b
            | \bneither\s+of\s+(?:the\s+|these\s+)?{_OFFERED}
            | \bno\s+(?:correct|right|suitable|valid|fitting)\s+(?:option|answer|choice)\b
            | \b(?:not|n['’]t)\s+(?:\w+\s+){{0,2}}?(?:among|one\s+of|listed|offered|in\s+the\s+list
              |included|given|provided|present)\b
            | \bmissing\s+from\s+the\s+(?:options|list|choices|answers)
            | \b(?:options|choices|answers)\s+(?:\w+\s+){{0,3}}?(?:are|is)\s+(?:all\s+)?
              (?:wrong|incorrect|false|not\s+(?:right|correct))
            | \ball\s+(?:of\s+)?(?:the\s+|these\s+)?(?:options|choices|answers)\s+
              (?:\w+\s+){{0,2}}?are\s+(?:wrong|incorrect|false)""",
            re.IGNORECASE | re.VERBOSE,
        ),
    ),
)


def reason_said(text: str) -> Reason | None:
    """Why none of the options is right, as a text says it; None where it does not.

    Where it says several, a false premise counts before what cannot be known, and that before a
    missing option: who says that none of the options fits often goes on to say why.
    """
    return next((reason for reason, wording in _SAYS if wording.search(text)), None)


_STATED = re.compile(
    r"\b(?:answer|it|that|this|solution|result)\s+(?:is|was|would\s+be|should\s+be)\b[:\s]*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def answered_openly(text: str, accepted: Iterable[str], wrong: Iterable[str] = ()) -> bool | None:
    """Whether an answer in free words is an accepted one; None where words cannot decide it.

    Right where an accepted text stands in it as whole words, or its last number is an accepted
    number, and none of the wrong ones does; wrong the other way round. With both, what stands in
    the last sentence that states an answer counts. Text is compared as `probes.checks.normalise`
    makes it, without articles (Rajpurkar et al. 2016, arXiv 1606.05250; accepted
    aliases: Joshi et al. 2017, arXiv 1705.03551).
    """
    good, bad = [_plain(one) for one in accepted], [_plain(one) for one in wrong]
    if not good or not text.strip():
        return None
    found = _holds(text, good), _holds(text, bad)
    if found[0] and found[1]:
        stated = _STATED.split(text)[-1] if _STATED.search(text) else ""
        head = re.split(r"(?<=[.!?])\s|\n", stated.strip(), maxsplit=1)[0]
        found = _holds(head, good), _holds(head, bad)
    if found[0] != found[1]:
        return found[0]
    numbers = [one for one in good if _NUMBER.fullmatch(one)]
    said = _NUMBER.findall(text.replace(",", ""))
    if len(numbers) == len(good) and said:
        return float(said[-1]) in {float(one) for one in numbers}
    return None


def _plain(text: str) -> str:
    return " ".join(word for word in normalise(text).split() if word not in ("a", "an", "the"))


def _holds(text: str, wanted: Iterable[str]) -> bool:
    padded = f" {_plain(text)} "
    return any(f" {one} " in padded for one in wanted if one)
