"""Where in a response an answer stands by itself: at its end, its start, in a line of its own.

Knows sentences that hold an answer and nothing else, and lists, which hold none.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.bare import EMPTY, alone
from starprobe.bench.readers.answers.lists import begins_list, goes_on
from starprobe.bench.readers.answers.outcomes import is_cut
from starprobe.bench.readers.answers.records import DENY, SUPPOSES, Answer, answer_of
from starprobe.bench.readers.answers.references import labels_at
from starprobe.bench.readers.lexicon import JUDGE, STOP
from starprobe.bench.readers.mentions import LEAD, TEXT, Document
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.words import word_set

SHORT = 12
"""Words of a response that is all answer."""
_HEADING = word_set("final answer correct the my your choice option selected solution is ans")
_HEAD_NOUNS = word_set("answer choice option solution ans")
_BEFORE_REASON = re.compile(
    r"[)\].:\"']*,? (?:because|since|as|rather than|instead of|not|over)\b", re.I
)


def closing(document: Document, options: Options) -> Answer | None:
    """A last sentence that is nothing but an answer, and no item of a list."""
    index = len(document.segments) - 1
    return _unlisted(document, options, index) if index > 0 else None


def isolated(document: Document, options: Options) -> Answer | None:
    """The last paragraph that is nothing but an answer."""
    segments = document.segments
    for index in range(len(segments) - 1, -1, -1):
        around = segments[max(0, index - 1) : index + 2]
        if sum(other.paragraph == segments[index].paragraph for other in around) > 1:
            continue
        found = _unlisted(document, options, index)
        if found:
            return found
    return None


def _unlisted(document: Document, options: Options, index: int) -> Answer | None:
    named = alone(document, options, index)
    if not named or _goes_on(document, options, named[0], index):
        return None
    return None if begins_list(document, named[0], index) else answer_of(named, "stated")


def _goes_on(document: Document, options: Options, option: int, index: int) -> bool:
    """A list goes on here: the line or the sentence before holds the option before."""
    if document.segments[index].opens:
        return goes_on(document, option, index)
    return index > 0 and alone(document, options, index - 1) == (option - 1,)


def headed(document: Document, options: Options, index: int) -> Answer | None:
    """The sentence behind a heading such as "Final answer"."""
    first, stop = document.bounds[index]
    words = document.words[first:stop]
    if not 0 < len(words) <= 5 or not _HEADING.issuperset(words) or _HEAD_NOUNS.isdisjoint(words):
        return None
    if index + 1 >= len(document.segments):
        return None
    return _unlisted(document, options, index + 1)


def opening(document: Document, options: Options) -> Answer | None:
    """A response that begins with its answer: "B", "(c) A group ...", "Sure! It's B."."""
    if not document.segments:
        return None
    first, stop = document.bounds[0]
    greeting = all(
        flag & (STOP | JUDGE) or word in EMPTY
        for flag, word in zip(document.flags[first:stop], document.words[first:stop], strict=True)
    )
    if _is_step(document):
        return None
    for index in range(2 if greeting and len(document.segments) > 1 else 1):
        named = alone(document, options, index)
        if named:
            listed = begins_list(document, named[0], index)
            return None if listed else answer_of(named, "opening")
    return _with_reason(document, options) or _led(document)


def _is_step(document: Document) -> bool:
    """The response is a list from its first line on."""
    first = document.segments[0]
    following = next((segment for segment in document.segments[1:] if segment.opens), None)
    return first.number > 0 and following is not None and following.number == first.number + 1


def _with_reason(document: Document, options: Options) -> Answer | None:
    """Such as "B, since ..." and "(b) rather than (c), for ..."."""
    segment = document.segments[0]
    label = labels_at(document.text, _past_signs(document.text, segment.content), options)
    if label and len(label.options) == 1 and _BEFORE_REASON.match(document.text, label.end):
        return answer_of(label.options, "opening")
    return None


def _past_signs(text: str, at: int) -> int:
    while at < len(text) and text[at] in "([\"'$ ":
        at += 1
    return at


def _led(document: Document) -> Answer | None:
    """A first sentence of a label and no more than a few words, none against it."""
    segment, mentions = document.segments[0], document.mentions[0]
    if not mentions or mentions[0].first > document.bounds[0][0]:
        return None
    lead = mentions[0]
    if lead.kind < TEXT or begins_list(document, lead.option, 0):
        return None
    if segment.end - lead.end > 60 or any(m.option != lead.option for m in mentions):
        return None
    if DENY.search(document.text, lead.end, segment.end):
        return None
    whole = lead.kind == LEAD or lead.end >= segment.end - 2
    return Answer(lead.option, False, "opening") if whole else None


def only(document: Document, options: Options) -> Answer | None:
    """A very short response that names just one option."""
    text = document.text
    if len(document.words) > SHORT:
        return None
    named = {m.option for own in document.mentions for m in own}
    if len(named) != 1 or DENY.search(text) or SUPPOSES.search(text):
        return None
    end = max(m.end for own in document.mentions for m in own)
    if is_cut(text) and any(map(str.isalnum, text[end:])):
        return None
    return Answer(named.pop(), False, "opening")
