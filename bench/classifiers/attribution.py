"""Which stretch of a response speaks of which option.

Knows mentions and segments; does not judge what is said. A section that a label opens belongs to
that option until the next one; a sentence that names options is cut into clauses, one a group of
options; a sentence that names none goes on about the last subject where it reads so.
"""

from __future__ import annotations

from typing import NamedTuple

from bench.classifiers.clauses import clauses_of, groups_of, members_of
from bench.classifiers.cues import CONCLUDES, CONCLUSION, DECLARATION, OTHERS, REJECTS
from bench.classifiers.lexicon import CONTRAST, PRONOUN, STOP, words_in
from bench.classifiers.mentions import FUZZY, LEAD, TEXT, Document, Mention
from bench.classifiers.options import Options
from bench.classifiers.segments import Segment
from bench.classifiers.units import DECLARES, DRIFTS, GOES_ON, INSIDE, OPENS, SUBJECT, Unit

__all__ = ["DECLARES", "DRIFTS", "GOES_ON", "INSIDE", "OPENS", "SUBJECT", "Unit", "attribute"]


LINES = 2
"""One-line sections in a row that make a list of them."""
_BACK = words_in("it this these those they he she its their such")

_CALLS = words_in("called known termed named")


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


def attribute(document: Document, options: Options) -> list[Unit]:
    """The units of a response, in order."""
    units: list[Unit] = []
    topic: Topic | None = None
    for index, segment in enumerate(document.segments):
        previous = topic
        topic = _segment(document, options, index, segment, topic, units)
        if topic is not None and topic.strong:
            topic = topic._replace(before=_lines_before(previous, topic, segment))
    return units


def _lines_before(previous: Topic | None, topic: Topic, segment: Segment) -> int:
    """How many one-line sections stand right before the topic; none once a section grows."""
    if segment.line > topic.line:
        return 0
    if previous is None or not previous.strong:
        return 0
    return previous.before if previous.line == topic.line else previous.before + 1


def _segment(
    document: Document,
    options: Options,
    index: int,
    segment: Segment,
    topic: Topic | None,
    units: list[Unit],
) -> Topic | None:
    mentions = document.mentions[index]
    first, stop = document.bounds[index]
    if first >= stop and not mentions:
        return topic
    topic = _carried(document, segment, topic, first, mentions)
    text = document.text[segment.content : segment.end]
    if not mentions:
        if (
            topic
            and not OTHERS.search(text[:60])
            and not (
                CONCLUSION.match(text) and not _is_pronoun(document, first) and not topic.strong
            )
        ):
            goes_on = topic.strong or topic.opening or _is_pronoun(document, first)
            how = GOES_ON if goes_on else DRIFTS
            for option in topic.options:
                units.append(
                    Unit(option, first, stop, how, len(topic.options), topic.kind, index, 1.0)
                )
            return topic
        return None if OTHERS.search(text[:60]) or segment.opens else topic
    groups = groups_of(document, mentions, options.question)
    head = groups[0]
    leads = head[0].kind == LEAD or _glosses(document, segment, first, head[0])
    if leads:
        # A section's own sentence is cut only where another section begins inside it.
        groups = [group for group in groups if group is head or group[0].kind == LEAD]
        groups[0] = [mention for mention in head if mention.kind > FUZZY]
    begins = leads or _begins(document, first, head[0].first)
    declares = not (leads and segment.opens and _only_lead(document, segment, head)) and (
        bool(DECLARATION.search(text)) or (bool(CONCLUDES.match(text)) and not REJECTS.search(text))
    )
    if topic and topic.strong and not leads and not (begins and _other_subject(head, topic)):
        for option in topic.options:
            units.append(
                Unit(option, first, stop, GOES_ON, len(topic.options), topic.kind, index, 1.0)
            )
        _inside(document, groups, topic, first, stop, index, units)
        return topic
    clauses = clauses_of(document, groups, first, stop)
    for number, group in enumerate(groups):
        begin, end = clauses[number]
        how = _how(document, group, begin, leads and number == 0, declares)
        if how == DECLARES or (how == INSIDE and group[0].option in options.weak):
            begin = max(begin, _declared_from(document, group, begin))
        for option, mention in members_of(group).items():
            units.append(
                Unit(
                    option,
                    begin,
                    end,
                    how,
                    len(members_of(group)),
                    mention.kind,
                    index,
                    mention.score,
                )
            )
    if len(groups) == 1 and not leads and topic is None:
        units += _named_at_last(document, index, groups[0])
    return _next_topic(document, segment, groups, leads, begins, declares)


def _named_at_last(document: Document, index: int, group: list[Mention]) -> list[Unit]:
    """The sentence before "This is called X", where it names no option: it is about X."""
    first = document.bounds[index][0]
    if index == 0 or document.mentions[index - 1] or document.words[first] not in _BACK:
        return []
    members = members_of(group)
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


def _carried(
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
    if segment.paragraph == topic.paragraph + 1 and _is_pronoun(document, first):
        text = document.text[segment.content : segment.content + 40]
        if CONCLUSION.match(text) and not text.lower().startswith(("it", "this")):
            return None
        return topic._replace(strong=False)
    if topic.declared and segment.paragraph == topic.paragraph + 1 and segment.kind == "sentence":
        return None if CONCLUSION.match(document.text, segment.content, segment.end) else topic
    if segment.paragraph == topic.paragraph and segment.kind == "sentence":
        return topic._replace(strong=False) if _is_pronoun(document, first) else None
    return None


def _goes_on(document: Document, first: int) -> bool:
    return first < len(document.words) and document.words[first] in _BACK


def _is_pronoun(document: Document, first: int) -> bool:
    return first < len(document.flags) and bool(document.flags[first] & PRONOUN)


def _begins(document: Document, first: int, at: int) -> bool:
    """The mention is the subject: only a few small words stand before it."""
    if at - first > 7:
        return False
    content = sum(not document.flags[token] & (STOP | CONTRAST) for token in range(first, at))
    return content <= 1


def _other_subject(group: list[Mention], topic: Topic) -> bool:
    return not any(mention.option in topic.options for mention in group) and group[0].kind != FUZZY


def _only_lead(document: Document, segment: Segment, group: list[Mention]) -> bool:
    before = document.text[segment.content : group[0].start].lower()
    return "answer" not in before and "correct" not in before


def _how(document: Document, group: list[Mention], begin: int, leads: bool, declares: bool) -> int:
    if leads and not declares:
        return OPENS
    if declares:
        return DECLARES
    return SUBJECT if _begins(document, begin, group[0].first) else INSIDE


def _declared_from(document: Document, group: list[Mention], begin: int) -> int:
    """A declaration is of the option from its mention on; what stands before is the derivation."""
    return max(begin, min(mention.first for mention in group))


def _inside(
    document: Document,
    groups: list[list[Mention]],
    topic: Topic,
    first: int,
    stop: int,
    index: int,
    units: list[Unit],
) -> None:
    """Options named in another one's section: named there, by a label or the whole text."""
    for group in groups:
        for option, mention in members_of(group).items():
            if option not in topic.options and mention.kind > FUZZY:
                units.append(
                    Unit(option, mention.first, mention.stop, INSIDE, 1, mention.kind, index, 1.0)
                )


def _next_topic(
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
