"""What a sentence speaks of: its groups of options and their clauses, and what is carried on.

Knows segments and what they name; does not judge what is said.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from starprobe.bench.readers.text.segments import FUZZY, LEAD, Document, Mention, Segment
from starprobe.bench.readers.text.words import PRONOUN, STOP, word_set

DECLARATION = re.compile(
    r"\banswers?\b[^.?!\n:]{0,60}?(?:\b(?:is|are|would be|should be|must be)\b|[:=])|"
    r"\b(?:correct|right|best|final|most \w+|only|closest)\b[^.?!\n:]{0,60}?"
    r"\b(?:option|choice|response|selection|one)s?\b[^.?!\n:]{0,90}?"
    r"(?:\b(?:is|are|would be|must be|seems to be)\b|:)|"
    r"\b(?:i|we)(?:'d| would| will|'ll)? (?:choose|select|pick|go with|opt for)\b|\bboxed\b|"
    r"\b(?:that|this|which|what|only)(?: only)? (?:leaves|remains|is left)\b|\bleaving\b",
    re.I,
)
DECLARING = word_set(
    "answer answers correct right best final most only closest choose select pick go opt boxed "
    "leaves remains left leaving"
)
"""Every declaration holds one of these."""
CONCLUDES = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in conclusion|in summary|overall|ultimately|obviously)\b",
    re.I,
)
REJECTS = re.compile(
    r"\bincorrect\b|\bwrong\b|\bfalse\b|\bnot\b|n't\b|\beliminate|\bunlikely\b", re.I
)
CONCLUSION = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in (?:conclusion|summary|short)|overall|to (?:sum up|"
    r"summari[sz]e|conclude)|"
    r"based on|considering|given|putting|after|consequently|accordingly|ultimately|finally|"
    r"in the end|"
    r"taking|from the|among|of (?:these|the)|out of|as a result|the (?:final|correct|best|right|"
    r"most|only|answer)|"
    r"(?:final )?answer|my answer|i (?:choose|would|think))\b",
    re.I,
)
OTHERS = re.compile(
    r"\b(?:the|all|any of the|none of the|no|those|these) (?:of the )?(?:other|others|rest|"
    r"remaining)\b|\bother (?:options?|choices?|answers?)\b",
    re.I,
)
_COORDINATED = re.compile(
    r"(?:[\s,;/&()\[\]\"'\-]|\band\b|\bor\b|\bnor\b|\bboth\b|\beither\b|\bas well as\b|"
    r"\boptions?\b|"
    r"\bchoices?\b|\bthe\b|\ban?\b|\banswers?\b|\bstatements?\b|\bin\b|\bto\b)*\Z",
    re.I,
)
_LIST = re.compile(r"\w+ ?(?:,|;|,? (?:and|or|nor)) (?:the |an? |and |or )*\Z")
_BREAK = re.compile(
    r"[;:](?= )|, ?(?=(?:and|but|or|while|whereas|so|as|which|although|though|however|because|"
    r"since|nor|not|yet|rather|whilst|with)\b)|"
    r" (?=(?:but|while|whereas|although|though|because|whilst)\b)|[,](?= )|(?<=[.!?]) (?=[A-Z(])|"
    r" - | (?=and\b)",
    re.I,
)


def groups_of(
    document: Document, mentions: list[Mention], question: frozenset[str]
) -> list[list[Mention]]:
    """Runs of mentions with nothing but commas and "and" between them.

    A noun of the question may stand with each: "latent publics, aware publics and active ones".
    """
    groups = [[mentions[0]]]
    for mention in mentions[1:]:
        last = groups[-1][-1]
        if mention.kind == FUZZY and last.kind != FUZZY and mention.first < last.stop:
            groups[-1].append(mention)
            continue
        gap = document.text[last.end : mention.start] if mention.start > last.end else ""
        same = mention.option == last.option
        if same or (
            len(gap) <= 40
            and (_COORDINATED.match(gap) or _listed(document, last, mention, gap, question))
        ):
            groups[-1].append(mention)
        else:
            groups.append([mention])
    return groups


def _listed(
    document: Document, last: Mention, mention: Mention, gap: str, question: frozenset[str]
) -> bool:
    """Only one noun of the question, and a comma or "and", stand between."""
    between = range(last.stop, mention.first)
    nouns = [at for at in between if not document.flags[at] & STOP]
    return (
        len(nouns) == 1
        and nouns[0] == last.stop
        and document.stems[nouns[0]] in question
        and bool(_LIST.search(gap))
    )


def members_of(group: list[Mention]) -> dict[int, Mention]:
    members: dict[int, Mention] = {}
    for mention in group:
        kept = members.get(mention.option)
        if kept is None or mention.kind > kept.kind:
            members[mention.option] = mention
    return members


def clauses_of(
    document: Document, groups: list[list[Mention]], first: int, stop: int
) -> list[tuple[int, int]]:
    """For each group the tokens of its clause; groups with no break between them share one."""
    begins = [first]
    for left, right in pairwise(groups):
        begin, end = left[-1].end, right[0].start
        breaks = list(_BREAK.finditer(document.text, begin, end)) if end > begin else []
        at = -1
        if breaks:
            at = max(left[-1].stop, begins[-1])
            while at < right[0].first and document.starts[at] < breaks[-1].end():
                at += 1
        begins.append(at)
    spans: list[tuple[int, int]] = []
    end = stop
    for number in range(len(groups) - 1, -1, -1):
        begin = next(begins[i] for i in range(number, -1, -1) if begins[i] >= 0)
        spans.append((begin, end))
        if begins[number] >= 0:
            end = begins[number]
    return spans[::-1]


BACK = word_set("it this these those they he she its their such")


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
