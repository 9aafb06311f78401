"""What is being spoken of, from one segment to the next: where it holds and where it ends.

Knows segments and what they name; not what is said.
"""

from __future__ import annotations

from typing import NamedTuple

from starprobe.bench.readers.clauses import members_of
from starprobe.bench.readers.cues import CONCLUSION
from starprobe.bench.readers.lexicon import PRONOUN, words_in
from starprobe.bench.readers.mentions import LEAD, Document, Mention
from starprobe.bench.readers.segments import Segment

LINES = 2
"""One-line sections in a row that make a list of them."""
BACK = words_in("it this these those they he she its their such")


class Topic(NamedTuple):
    """What is being spoken of."""

    options: tuple[int, ...]
    strong: bool
    """Opened by a label (or an item): holds to the end of its line or section."""
    paragraph: int
    line: int
    indent: int
    kind: int
    labelled: bool = False
    """Opened by a label, so that a bullet below it is part of it."""
    declared: bool = False
    """Named as the answer."""
    opening: bool = False
    """Named as the answer at the very beginning: what follows explains it."""
    before: int = 0
    """Sections right before it that took one line each."""


def lines_before(previous: Topic | None, topic: Topic, segment: Segment) -> int:
    """How many one-line sections stand right before the topic; none once a section grows."""
    if segment.line > topic.line:
        return 0
    if previous is None or not previous.strong:
        return 0
    return previous.before if previous.line == topic.line else previous.before + 1


def carried(
    document: Document, segment: Segment, topic: Topic | None, first: int, mentions: list[Mention]
) -> Topic | None:
    """The topic that still holds when this segment begins."""
    if topic is None or not segment.opens:
        return topic
    if segment.line == topic.line:
        return topic
    deeper = segment.indent > topic.indent or (topic.labelled and segment.kind == "item")
    sub_item = segment.kind in ("item", "row") and deeper
    if topic.before >= LINES and not sub_item and not _goes_on(document, first):
        # After a list with one line for each option, what follows is of no single one.
        return None
    if topic.strong and (sub_item or segment.paragraph == topic.paragraph):
        if CONCLUSION.match(document.text, segment.content, segment.end) and not sub_item:
            return None
        if segment.kind in ("item", "heading") and not sub_item and segment.indent <= topic.indent:
            return topic if segment.kind == "item" and topic.indent < 0 else None
        return topic
    if segment.paragraph == topic.paragraph + 1 and is_pronoun(document, first):
        text = document.text[segment.content : segment.content + 40]
        if CONCLUSION.match(text) and not text.lower().startswith(("it", "this")):
            return None
        return topic._replace(strong=False)
    if topic.declared and segment.paragraph == topic.paragraph + 1 and segment.kind == "sentence":
        return None if CONCLUSION.match(document.text, segment.content, segment.end) else topic
    if segment.paragraph == topic.paragraph and segment.kind == "sentence":
        return topic._replace(strong=False) if is_pronoun(document, first) else None
    return None


def _goes_on(document: Document, first: int) -> bool:
    return first < len(document.words) and document.words[first] in BACK


def is_pronoun(document: Document, first: int) -> bool:
    return first < len(document.flags) and bool(document.flags[first] & PRONOUN)


def next_topic(
    document: Document,
    segment: Segment,
    groups: list[list[Mention]],
    leads: bool,
    begins: bool,
    declares: bool,
) -> Topic | None:
    last = groups[0] if leads else groups[-1]
    options = tuple(members_of(last))
    strong = leads and not declares
    if not strong and begins and len(groups) == 1 and segment.opens and not declares:
        strong = segment.kind in ("item", "heading", "row")
    if len(options) > 3 and not strong:
        return None
    return Topic(
        options,
        strong,
        segment.paragraph,
        segment.line,
        segment.indent,
        last[0].kind,
        leads and last[0].kind == LEAD and segment.kind != "item",
        declares,
        declares and segment is document.segments[0],
    )
