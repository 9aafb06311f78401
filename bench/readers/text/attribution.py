"""Which stretch of a response speaks of which option.

Knows mentions and segments; does not judge what is said. A section that a label opens belongs to
that option until the next one; a sentence that names options is cut into clauses, one a group of
options; a sentence that names none goes on about the last subject where it reads so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from starprobe.bench.readers.text.document import (
    CONTRAST,
    FUZZY,
    JUDGE,
    LABEL,
    LEAD,
    OPENING,
    ORDINALS,
    PRONOUN,
    STOP,
    TEXT,
    Document,
    Mention,
    Segment,
    openings,
    word_set,
)
from starprobe.bench.readers.text.mentions import TELLING
from starprobe.bench.readers.text.options import Options

Span = tuple[int, int]
"""[start, end) in characters of the response."""

OPENS = 4
"""The option's own section or line begins here."""
SUBJECT = 3
"""A clause that begins with the option."""
GOES_ON = 2
"""A sentence that names no option and goes on about the last one: its section, or "It ..."."""
DRIFTS = 5
"""A sentence that names no option, after a sentence about one, with a subject of its own."""
INSIDE = 1
"""The option is named late in the clause."""
DECLARES = 0
"""A sentence that gives or announces the answer."""


class Unit(NamedTuple):
    """A stretch of tokens that speaks of an option."""

    option: int
    first: int
    stop: int
    how: int
    shared: int
    """How many options share it."""
    kind: int
    """Kind of the mention that it hangs on."""
    segment: int
    score: float


_CLAUSE = re.compile(
    r"[,;] ?(?:(?:and|while|but|whereas) )?[(\[]?(?:options? |choices? )?[(\[]?\Z", re.I
)
_CALLS = word_set("called known termed named")


def units_of(document: Document, options: Options) -> list[Unit]:
    """The units of a response, in order."""
    units: list[Unit] = []
    topic: _Topic | None = None
    for index, segment in enumerate(document.segments):
        topic = _segment(document, options, index, segment, topic, units)
    return units


def _segment(
    document: Document,
    options: Options,
    index: int,
    segment: Segment,
    topic: _Topic | None,
    units: list[Unit],
) -> _Topic | None:
    mentions = document.mentions[index]
    first, stop = document.bounds[index]
    if first >= stop and not mentions:
        return topic
    topic = _carried(document, segment, topic, first, mentions)
    if not mentions:
        return _unnamed(document, index, topic, units)
    groups = _groups_of(document, mentions, options.question)
    head = groups[0]
    leads = head[0].kind == LEAD or _glosses(document, segment, first, head[0])
    if leads:
        # A section's own sentence is cut only where another section or clause begins inside it.
        groups = [group for group in groups if group is head or _takes_over(document, group[0])]
        groups[0] = [mention for mention in head if mention.kind > FUZZY]
    begins = leads or _begins(document, first, head[0].first)
    if topic and topic.strong and not leads:
        other = head[0].kind != FUZZY and not any(m.option in topic.options for m in head)
        if not (begins and other):
            units += _about(topic, first, stop, GOES_ON, index)
            _inside(document, groups, topic, index, units)
            return topic
    only_lead = leads and segment.opens and _only_lead(document, segment, head)
    declares = not only_lead and _declares(document, segment, first, stop)
    for number, (group, clause) in enumerate(
        zip(groups, _clauses_of(document, groups, first, stop), strict=True)
    ):
        how = _how(document, group, clause[0], leads and number == 0, declares)
        units += _named(group, clause, how, index, group[0].option in options.weak)
    if len(groups) == 1 and not leads and topic is None:
        units += _named_at_last(document, index, groups[0])
    return _next_topic(document, segment, groups, leads, begins, declares)


def _takes_over(document: Document, mention: Mention) -> bool:
    """A label that begins a section, or a clause of its own: "A is dry, B is wet"."""
    before = document.text[max(0, mention.start - 20) : mention.start]
    return mention.kind == LEAD or (mention.kind == LABEL and bool(_CLAUSE.search(before)))


def _unnamed(
    document: Document, index: int, topic: _Topic | None, units: list[Unit]
) -> _Topic | None:
    """A sentence that names no option may go on about the topic, or end it."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    text, start, end = document.text, segment.content, segment.end
    if topic is None:
        return None
    if _OTHERS.search(text, start, min(end, start + 60)):
        return None
    pronoun = _is_pronoun(document, first)
    if not topic.strong and not pronoun and _CONCLUSION.match(text, start, end):
        return None if segment.opens else topic
    how = GOES_ON if topic.strong or topic.opening or pronoun else DRIFTS
    units += _about(topic, first, stop, how, index)
    return topic


def _about(topic: _Topic, first: int, stop: int, how: int, index: int) -> list[Unit]:
    shared = len(topic.options)
    return [
        Unit(option, first, stop, how, shared, topic.kind, index, 1.0) for option in topic.options
    ]


def _named(
    group: list[Mention], clause: tuple[int, int], how: int, index: int, weak: bool
) -> list[Unit]:
    """The units of one group; a declaration or a number is about what stands from it on only."""
    begin, end = clause
    if how == DECLARES or (how == INSIDE and weak):
        begin = max(begin, min(mention.first for mention in group))
    members = _members_of(group)
    return [
        Unit(option, begin, end, how, len(members), mention.kind, index, mention.score)
        for option, mention in members.items()
    ]


def _declares(document: Document, segment: Segment, first: int, stop: int) -> bool:
    """It gives or announces the answer."""
    text, start, end = document.text, segment.content, segment.end
    if not _DECLARING.isdisjoint(document.words[first:stop]) and _DECLARATION.search(
        text, start, end
    ):
        return True
    return bool(_CONCLUDES.match(text, start, end)) and not _REJECTS.search(text, start, end)


def _named_at_last(document: Document, index: int, group: list[Mention]) -> list[Unit]:
    """The sentence before "This is called X", where it names no option: it is about X."""
    first = document.bounds[index][0]
    if index == 0 or document.mentions[index - 1] or document.words[first] not in _BACK:
        return []
    members = _members_of(group)
    if len(members) > 1 or _CALLS.isdisjoint(document.words[first + 1 : group[0].first + 1]):
        return []
    begin, end = document.bounds[index - 1]
    return [
        Unit(option, begin, end, GOES_ON, 1, mention.kind, index - 1, 1.0)
        for option, mention in members.items()
    ]


def _glosses(document: Document, segment: Segment, first: int, mention: Mention) -> bool:
    """Such as "Basket: it can be carried": the text of an option as a heading."""
    if not segment.opens or mention.first > first + 1 or mention.kind < TEXT:
        return False
    after = document.text[mention.end : mention.end + 8].lstrip(" )\"'*")
    return after[:1] in (":", "|") or after[:2] in ("- ", "= ")


def _begins(document: Document, first: int, at: int) -> bool:
    """The mention is the subject: only a few small words stand before it."""
    if at - first > 7:
        return False
    content = sum(not document.flags[token] & (STOP | CONTRAST) for token in range(first, at))
    return content <= 1


def _only_lead(document: Document, segment: Segment, group: list[Mention]) -> bool:
    before = document.text[segment.content : group[0].start].lower()
    return "answer" not in before and "correct" not in before


def _how(document: Document, group: list[Mention], begin: int, leads: bool, declares: bool) -> int:
    if leads and not declares:
        return OPENS
    if declares:
        return DECLARES
    return SUBJECT if _begins(document, begin, group[0].first) else INSIDE


def _inside(
    document: Document,
    groups: list[list[Mention]],
    topic: _Topic,
    index: int,
    units: list[Unit],
) -> None:
    """Options named in another one's section: named there, by a label or the whole text."""
    for group in groups:
        for option, mention in _members_of(group).items():
            if option not in topic.options and mention.kind > FUZZY:
                units.append(
                    Unit(option, mention.first, mention.stop, INSIDE, 1, mention.kind, index, 1.0)
                )


MIN_PART = 0.4
"""Share of the answered option's words that makes a sentence part of its derivation."""


def derivation(document: Document, options: Options, units: list[Unit], answer: int) -> list[Unit]:
    """Earlier sentences that speak of the answered option by a part of its words.

    Only for an option that nothing else is said of: "baskets are made to hold things, so (B)".
    """
    if options.totals[answer] <= 0 or answer in options.weak:
        return []
    weights = options.weights[answer]
    saying = [
        unit
        for unit in units
        if unit.how not in (DECLARES, DRIFTS) and not _repeats(document, options, unit)
    ]
    if any(unit.option == answer for unit in saying):
        return []
    taken = {unit.segment for unit in saying}
    found: list[Unit] = []
    for index, (first, stop) in enumerate(document.bounds):
        if index in taken:
            continue
        shared = dict.fromkeys([key for key in document.stems[first:stop] if key in weights])
        score = sum(weights[key] for key in shared) / options.totals[answer] if shared else 0.0
        if score >= MIN_PART and max(weights[key] for key in shared) > TELLING:
            found.append(Unit(answer, first, stop, INSIDE, 1, FUZZY, index, score))
    return found


def _repeats(document: Document, options: Options, unit: Unit) -> bool:
    """Holds the option's label and text and nothing else."""
    weights, labels = options.weights[unit.option], options.labelling.words
    return all(
        document.stems[at] in weights
        or document.stems[at] in labels
        or document.flags[at] & (STOP | JUDGE)
        for at in range(unit.first, unit.stop)
    )


def new_words(document: Document, options: Options, unit: Unit) -> set[str]:
    """Stems in a unit that are neither the option's, the question's, a label nor judgement."""
    return {document.stems[at] for at in new_tokens(document, options, unit)}


def new_tokens(document: Document, options: Options, unit: Unit) -> Iterator[int]:
    """The places of these words."""
    own, question = options.weights[unit.option], options.question
    near, labels = openings(question), options.labelling.words
    mates = {mention.option for mention in document.mentions[unit.segment]}
    for at in range(unit.first, unit.stop):
        key = document.stems[at]
        if document.flags[at] & (STOP | JUDGE) or key in own or key in question:
            continue
        if key[:OPENING] in near or key in labels or (len(key) == 1 and not key.isdigit()):
            continue
        holders = options.owners.get(key)
        if holders and len(mates) > 1 and not mates.isdisjoint(holders):
            continue
        if document.words[at] in ORDINALS and document.words[at + 1 : at + 2] == ["option"]:
            continue
        yield at


def spans_of(document: Document, units: Sequence[Unit]) -> tuple[Span, ...]:
    """The stretches of text of these units, in order, merged where they touch."""
    merged: list[Span] = []
    for unit in units:
        if unit.first >= len(document.starts):
            continue
        start = document.starts[unit.first]
        end = document.ends[max(unit.first, unit.stop - 1)]
        if merged and start <= merged[-1][1] + 2:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


_DECLARATION = re.compile(
    r"\banswers?\b[^.?!\n:]{0,60}?(?:\b(?:is|are|would be|should be|must be)\b|[:=])|"
    r"\b(?:correct|right|best|final|most \w+|only|closest)\b[^.?!\n:]{0,60}?"
    r"\b(?:option|choice|response|selection|one)s?\b[^.?!\n:]{0,90}?"
    r"(?:\b(?:is|are|would be|must be|seems to be)\b|:)|"
    r"\b(?:i|we)(?:'d| would| will|'ll)? (?:choose|select|pick|go with|opt for)\b|\bboxed\b|"
    r"\b(?:that|this|which|what|only)(?: only)? (?:leaves|remains|is left)\b|\bleaving\b",
    re.I,
)
_DECLARING = word_set(
    "answer answers correct right best final most only closest choose select pick go opt boxed "
    "leaves remains left leaving"
)
"""Every declaration holds one of these."""
_CONCLUDES = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in conclusion|in summary|overall|ultimately|obviously)\b",
    re.I,
)
_REJECTS = re.compile(
    r"\bincorrect\b|\bwrong\b|\bfalse\b|\bnot\b|n't\b|\beliminate|\bunlikely\b", re.I
)
_CONCLUSION = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in (?:conclusion|summary|short)|overall|to (?:sum up|"
    r"summari[sz]e|conclude)|"
    r"based on|considering|given|putting|after|consequently|accordingly|ultimately|finally|"
    r"in the end|"
    r"taking|from the|among|of (?:these|the)|out of|as a result|the (?:final|correct|best|right|"
    r"most|only|answer)|"
    r"(?:final )?answer|my answer|i (?:choose|would|think))\b",
    re.I,
)
_OTHERS = re.compile(
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


def _groups_of(
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


def _members_of(group: list[Mention]) -> dict[int, Mention]:
    members: dict[int, Mention] = {}
    for mention in group:
        kept = members.get(mention.option)
        if kept is None or mention.kind > kept.kind:
            members[mention.option] = mention
    return members


def _clauses_of(
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


_BACK = word_set("it this these those they he she its their such")


class _Topic(NamedTuple):
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


def _carried(
    document: Document, segment: Segment, topic: _Topic | None, first: int, mentions: list[Mention]
) -> _Topic | None:
    """The topic that still holds when this segment begins."""
    if topic is None or not segment.opens:
        return topic
    if segment.line == topic.line:
        return topic
    deeper = segment.indent > topic.indent or (topic.labelled and segment.kind == "item")
    sub_item = segment.kind in ("item", "row") and deeper
    if topic.strong and (sub_item or segment.paragraph == topic.paragraph):
        if _CONCLUSION.match(document.text, segment.content, segment.end) and not sub_item:
            return None
        if segment.kind in ("item", "heading") and not sub_item and segment.indent <= topic.indent:
            return topic if segment.kind == "item" and topic.indent < 0 else None
        return topic
    if segment.paragraph == topic.paragraph + 1 and _is_pronoun(document, first):
        text = document.text[segment.content : segment.content + 40]
        if _CONCLUSION.match(text) and not text.lower().startswith(("it", "this")):
            return None
        return topic._replace(strong=False)
    if topic.declared and segment.paragraph == topic.paragraph + 1 and segment.kind == "sentence":
        return None if _CONCLUSION.match(document.text, segment.content, segment.end) else topic
    if segment.paragraph == topic.paragraph and segment.kind == "sentence":
        return topic._replace(strong=False) if _is_pronoun(document, first) else None
    return None


def _is_pronoun(document: Document, first: int) -> bool:
    return first < len(document.flags) and bool(document.flags[first] & PRONOUN)


def _next_topic(
    document: Document,
    segment: Segment,
    groups: list[list[Mention]],
    leads: bool,
    begins: bool,
    declares: bool,
) -> _Topic | None:
    last = groups[0] if leads else groups[-1]
    options = tuple(_members_of(last))
    strong = leads and not declares
    if not strong and begins and len(groups) == 1 and segment.opens and not declares:
        strong = segment.kind in ("item", "heading", "row")
    if len(options) > 3 and not strong:
        return None
    return _Topic(
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
