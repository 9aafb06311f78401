"""A sentence that names options, cut into groups of options and a clause for each group.

Knows mentions; does not judge what is said.
"""

from __future__ import annotations

import re
from itertools import pairwise

from starprobe.bench.readers.lexicon import STOP
from starprobe.bench.readers.mentions import FUZZY, Document, Mention

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
