"""Answers pronounced behind the option: "B is the best choice", ticks, concluding sentences."""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.records import (
    CONCLUDES,
    DENY,
    JOINED,
    SUPPOSES,
    TICKS,
    Answer,
    answer_of,
)
from starprobe.bench.readers.answers.references import labels_at
from starprobe.bench.readers.mentions import FUZZY, LABEL, TEXT, Document, Mention
from starprobe.bench.readers.options import Options

_BEHIND = r"[\s)\]\"',]*(?:therefore |thus |then |clearly |probably |likely |still |indeed )?"
_SURE = r"(?:is|are|would be|must be|remains|has to be|should be|will be|stands out as)"
_SEEMING = r"(?:seems|appears|looks|sounds)(?: to be)?(?: like)?"
_HOW = r"(?: (?:clearly|therefore|thus|likely|probably|indeed|then|by far|definitely|both|all))?"
_GOOD = (
    r"(?:only|single|most \w+|best|better|correct|right|strongest|final|logical|likely|likeliest|"
    r"closest)"
)
_UNLESS = r"(?! (?:if|only if|when|unless|\?)|\?)"
_THE_ANSWER = (
    rf" (?:the|our|my|an?) (?:(?:{_GOOD}(?:,| and)? ?)+(?:answers?|choice|option|one|fit|match|"
    rf"candidate|selection|response|statement)?|answer)\b{_UNLESS}"
)
_RIGHT = rf" (?:correct|right|best|true|most \w+|it)\b{_UNLESS}"
_VERDICTS = tuple(
    re.compile(_BEHIND + pattern, re.I)
    for pattern in (
        f"{_SURE}{_HOW}{_THE_ANSWER}",
        rf"(?:{_SURE}{_HOW}{_RIGHT}|it is\b|fits best\b|(?:makes|fits|works)(?: the)? "
        rf"(?:most|best)\b|is what we (?:want|need)\b)",
        f"{_SEEMING}{_HOW}(?:{_THE_ANSWER}|{_RIGHT})",
    )
)
"""From the plainest to the most cautious."""
_JUDGED = re.compile(
    r"[\s).:,(\[\]-]{1,6}(?:(?P<yes>yes|correct|true|right)|no|not|incorrect|false|wrong)\b", re.I
)
_UNDER = re.compile(
    r"\b(?:not|nor|neither|if|than|either|whether)\b(?: option| choice)?[\s(\[\"']*\Z", re.I
)
_NAMES = re.compile(
    r"(?:\b(?:is|are|be|would be|must be|report|choose|select|pick|to)|[:=])[\s\"'(\[]*"
    r"(?:the )?(?:situation|option|choice|answer|statement|letter)?[\s:\"'(\[]*\Z",
    re.I,
)
_TICK = re.compile(f"[{TICKS}]")
LAST = 4
"""Sentences from the end in which a conclusion is looked for."""


def pronounced(document: Document, index: int) -> Answer | None:
    """A concluding sentence that calls one option, or a group of them, the answer."""
    segment = document.segments[index]
    if not document.mentions[index]:
        return None
    if not CONCLUDES.match(document.text, segment.content, segment.end):
        return None
    return _called_in(document, range(index, index + 1))


def called(document: Document, options: Options) -> Answer | None:
    """Such as "Option A is the best choice", else "A is correct", said of one option only."""
    return _called_in(document, range(len(document.segments)))


def _called_in(document: Document, places: range) -> Answer | None:
    for pattern in _VERDICTS:
        found = {
            mention.option: (mentions, number)
            for mentions in map(document.mentions.__getitem__, places)
            for number, mention in enumerate(mentions)
            if mention.kind >= TEXT and _is_called(document, mention, pattern)
        }
        if len(found) == 1:
            mentions, number = found.popitem()[1]
            return answer_of(_together(document, mentions, number), "stated")
        if found:
            return None
    return None


def _is_called(document: Document, mention: Mention, pattern: re.Pattern[str]) -> bool:
    text = document.text
    if pattern.match(text, mention.end) is None:
        return False
    return _UNDER.search(text, max(0, mention.start - 24), mention.start) is None


def _together(document: Document, mentions: list[Mention], number: int) -> tuple[int, ...]:
    """The option with those that "and" joins to it, of which the same is said."""
    found = [mentions[number].option]
    while number and mentions[number - 1].kind >= TEXT:
        gap = document.text[mentions[number - 1].end : mentions[number].start]
        if not JOINED.fullmatch(gap):
            break
        number -= 1
        if mentions[number].option not in found:
            found.append(mentions[number].option)
    return tuple(found)


def judged(document: Document, options: Options) -> Answer | None:
    """Such as "A: no. B: yes. C: no.": the only yes, where most have a word; two are no answer."""
    said: dict[int, bool] = {}
    for mentions in document.mentions:
        for mention in mentions:
            word = _JUDGED.match(document.text, mention.end) if mention.kind >= LABEL else None
            if word:
                said[mention.option] = word["yes"] is not None
    right = [option for option, good in said.items() if good]
    if not right or len(said) * 2 <= len(options.labels):
        return None
    return Answer(right[0] if len(right) == 1 else None, False, "affirmed")


def concluded(document: Document, options: Options) -> Answer | None:
    """A closing sentence that names one option and denies nothing."""
    count = len(document.segments)
    for index in range(count - 1, max(-1, count - 1 - LAST), -1):
        segment, mentions = document.segments[index], document.mentions[index]
        if not mentions or not CONCLUDES.match(document.text, segment.content, segment.end):
            continue
        named = {m.option for m in mentions if m.kind > FUZZY} or {m.option for m in mentions}
        if len(named) == 1 and not DENY.search(document.text, segment.content, segment.end):
            return Answer(named.pop(), False, "concluded")
    return None


def announced(document: Document, options: Options) -> Answer | None:
    """Such as "The method to use is (E)": a label after the verb of the last or first sentence."""
    count = len(document.segments)
    for index in dict.fromkeys((*range(count - 1, max(-1, count - 3), -1), *range(min(2, count)))):
        segment, text = document.segments[index], document.text
        if text[segment.end - 1] == "?":
            continue
        for mention in document.mentions[index]:
            before = text[max(segment.start, mention.start - 60) : mention.start]
            if mention.kind < LABEL or mention.start - segment.content < 8:
                continue
            if not _NAMES.search(before):
                break
            if not DENY.search(before) and not SUPPOSES.search(before):
                named = labels_at(text, mention.start, options)
                some = named is None or len(named.options) < len(options.labels)
                return Answer(mention.option, False, "announced") if some else None
            break
    return None


def ticked(document: Document, options: Options) -> Answer | None:
    """Options marked with a tick or a cross: the only one that is ticked."""
    text = document.text
    if not _TICK.search(text):
        return None
    found = set()
    for segment, mentions in zip(document.segments, document.mentions, strict=True):
        if mentions and segment.opens:
            begin = text.rfind("\n", 0, segment.start) + 1
            if _TICK.search(text, begin, segment.end):
                found.add(mentions[0].option)
    return Answer(found.pop(), False, "affirmed") if len(found) == 1 else None
