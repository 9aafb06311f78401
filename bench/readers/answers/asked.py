"""Answers in the words of the question: "The longest river is the Nile", "He will go home".

Knows what the question asks for, as stems; not what is said of each option.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.records import DENY, SUPPOSES, Answer
from starprobe.bench.readers.answers.references import Reference, reference_at
from starprobe.bench.readers.mentions import FUZZY, TEXT, Document
from starprobe.bench.readers.options import Options

SPOKEN = 0.6
"""Share of what is asked for that makes a sentence an answer to it."""
_UNTOLD = re.compile(
    r"(?:\bnot|n't|\bno|\bcannot|\bimpossible to)(?: \w+){0,2} (?:enough|determined?|clear|"
    r"specified|mentioned|stated|known?|say|tell|told|inferred|information|evidence|way to know)\b|"
    r"\b(?:unknown|unclear|undetermined|insufficient|ambiguous)\b",
    re.I,
)
_IS = re.compile(
    r"\b(?:is|are|was|were|would be|will be|must be|should be)\b"
    r"(?: (?:most likely|likely|probably|therefore|thus|clearly|then|the|an?))*"
)


def undetermined(document: Document, options: Options) -> Answer | None:
    """A last or first sentence that says that it cannot be told, where one option says so too."""
    if len(options.none_of) != 1 or not document.segments:
        return None
    for segment in (document.segments[-1], document.segments[0]):
        if _UNTOLD.search(document.text, segment.content, segment.end):
            return Answer(next(iter(options.none_of)), False, "concluded")
    return None


def restated(document: Document, options: Options) -> Answer | None:
    """What is asked for, "is", and one option; of one option only."""
    if len(options.focus) < 2 or options.negated:
        return None
    found: set[int] = set()
    for index, (first, stop) in enumerate(document.bounds):
        if options.focus.isdisjoint(document.stems[first:stop]):
            continue
        reference = _predicate(document, options, index)
        if reference:
            found.update(reference.options)
    return Answer(found.pop(), False, "concluded") if len(found) == 1 else None


def _predicate(document: Document, options: Options, index: int) -> Reference | None:
    """The option behind the first "is" that what is asked for stands before."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    link = _IS.search(document.text, segment.content, segment.end)
    if link is None or document.text[segment.end - 1] == "?":
        return None
    before = {document.stems[at] for at in range(first, stop) if document.ends[at] <= link.start()}
    if len(options.focus & before) < SPOKEN * len(options.focus):
        return None
    if DENY.search(document.text, segment.content, link.end()):
        return None
    if SUPPOSES.search(document.text, segment.content, link.end()):
        return None
    return reference_at(document, options, link.end())


def ended(document: Document, options: Options) -> Answer | None:
    """A last sentence that ends in the whole text of the only option named, denying nothing."""
    if not document.segments:
        return None
    segment, text, own = document.segments[-1], document.text, document.mentions[-1]
    named = {m.option for mentions in document.mentions for m in mentions if m.kind > FUZZY}
    if len(named) != 1 or not own or own[-1].kind != TEXT or own[-1].option in options.weak:
        return None
    start, end = own[-1].start, own[-1].end
    if segment.end - end > 2 or text[segment.end - 1] == "?":
        return None
    if DENY.search(text, segment.content, start) or SUPPOSES.search(text, segment.content, start):
        return None
    return Answer(own[-1].option, False, "concluded")
