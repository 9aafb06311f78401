"""Which stretch of a response speaks of which option.

Knows mentions and segments; does not judge what is said. A section that a label opens belongs to
that option until the next one; a sentence that names options is cut into clauses, one a group of
options; a sentence that names none goes on about the last subject where it reads so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from starprobe.bench.readers.text.announced import Stated
from starprobe.bench.readers.text.answer import stated, verdicts_of
from starprobe.bench.readers.text.mentions import TELLING, find
from starprobe.bench.readers.text.options import Options, prepare
from starprobe.bench.readers.text.outcome import outcome_of, stands_when_cut
from starprobe.bench.readers.text.segments import (
    FUZZY,
    LABEL,
    LEAD,
    TEXT,
    Document,
    Mention,
    Segment,
    own_end,
)
from starprobe.bench.readers.text.topics import (
    BACK,
    CONCLUDES,
    CONCLUSION,
    DECLARATION,
    DECLARING,
    OTHERS,
    REJECTS,
    Topic,
    carried,
    clauses_of,
    groups_of,
    is_pronoun,
    members_of,
    next_topic,
)
from starprobe.bench.readers.text.words import (
    CONTRAST,
    JUDGE,
    OPENING,
    ORDINALS,
    STOP,
    openings,
    word_set,
)
from starprobe.bench.records import MULTI, FinishReason, Outcome
from starprobe.probes.schema import ShownOption

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
    topic: Topic | None = None
    for index, segment in enumerate(document.segments):
        topic = _segment(document, options, index, segment, topic, units)
    return units


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
    topic = carried(document, segment, topic, first, mentions)
    if not mentions:
        return _unnamed(document, index, topic, units)
    groups = groups_of(document, mentions, options.question)
    head = groups[0]
    leads = head[0].kind == LEAD or _glosses(document, segment, first, head[0])
    if leads:
        # A section's own sentence is cut only where another section or clause begins inside it.
        groups = [group for group in groups if group is head or _takes_over(document, group[0])]
        groups[0] = [mention for mention in head if mention.kind > FUZZY]
    begins = leads or _begins(document, first, head[0].first)
    if topic and topic.strong and not leads and not (begins and _other_subject(head, topic)):
        units += _about(topic, first, stop, GOES_ON, index)
        _inside(document, groups, topic, index, units)
        return topic
    only_lead = leads and segment.opens and _only_lead(document, segment, head)
    declares = not only_lead and _declares(document, segment, first, stop)
    for number, (group, clause) in enumerate(
        zip(groups, clauses_of(document, groups, first, stop), strict=True)
    ):
        how = _how(document, group, clause[0], leads and number == 0, declares)
        units += _named(group, clause, how, index, group[0].option in options.weak)
    if len(groups) == 1 and not leads and topic is None:
        units += _named_at_last(document, index, groups[0])
    return next_topic(document, segment, groups, leads, begins, declares)


def _takes_over(document: Document, mention: Mention) -> bool:
    """A label that begins a section, or a clause of its own: "A is dry, B is wet"."""
    before = document.text[max(0, mention.start - 20) : mention.start]
    return mention.kind == LEAD or (mention.kind == LABEL and bool(_CLAUSE.search(before)))


def _unnamed(
    document: Document, index: int, topic: Topic | None, units: list[Unit]
) -> Topic | None:
    """A sentence that names no option may go on about the topic, or end it."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    text, start, end = document.text, segment.content, segment.end
    if topic is None:
        return None
    if OTHERS.search(text, start, min(end, start + 60)):
        return None
    pronoun = is_pronoun(document, first)
    if not topic.strong and not pronoun and CONCLUSION.match(text, start, end):
        return None if segment.opens else topic
    how = GOES_ON if topic.strong or topic.opening or pronoun else DRIFTS
    units += _about(topic, first, stop, how, index)
    return topic


def _about(topic: Topic, first: int, stop: int, how: int, index: int) -> list[Unit]:
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
    members = members_of(group)
    return [
        Unit(option, begin, end, how, len(members), mention.kind, index, mention.score)
        for option, mention in members.items()
    ]


def _declares(document: Document, segment: Segment, first: int, stop: int) -> bool:
    """It gives or announces the answer."""
    text, start, end = document.text, segment.content, segment.end
    if not DECLARING.isdisjoint(document.words[first:stop]) and DECLARATION.search(
        text, start, end
    ):
        return True
    return bool(CONCLUDES.match(text, start, end)) and not REJECTS.search(text, start, end)


def _named_at_last(document: Document, index: int, group: list[Mention]) -> list[Unit]:
    """The sentence before "This is called X", where it names no option: it is about X."""
    first = document.bounds[index][0]
    if index == 0 or document.mentions[index - 1] or document.words[first] not in BACK:
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


def _inside(
    document: Document,
    groups: list[list[Mention]],
    topic: Topic,
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
    weights, labels = options.weights[unit.option], options.label_words
    return all(
        document.stems[at] in weights
        or document.stems[at] in labels
        or document.flags[at] & (STOP | JUDGE)
        for at in range(unit.first, unit.stop)
    )


Span = tuple[int, int]
"""[start, end) in characters of the response."""


class OptionEvidence(NamedTuple):
    """Where a response speaks of one option."""

    mentions: tuple[Span, ...]
    """Its label, its text, or most of its words."""
    evidence: tuple[Span, ...]
    """The stretches that are about it, in order and apart."""
    new: bool
    """At least one word in them is neither the option's, the question's nor mere judgement."""


class Attributed(NamedTuple):
    """A response with the stretches that speak of each option, and the answer that it states."""

    options: tuple[OptionEvidence, ...]
    """In the order of the options."""
    segments: tuple[Span, ...]
    """All sentences, items, rows and fields, in order and apart."""
    end: int
    """Where the response to this question ends; behind it a base model asks itself the next."""
    answer: str | None
    """The label stated; `multi` for several; None for none."""
    outcome: Outcome
    explicit: bool
    """The answer, or that there is none, is stated outright."""


class Examined(NamedTuple):
    """All that is known of a response before anything is judged."""

    options: Options
    document: Document
    units: tuple[tuple[Unit, ...], ...]
    """Of each option, in order of the text."""
    stated: Stated
    outcome: Outcome
    marked: dict[int, bool]
    """Options that a word or a sign on their line pronounces right or wrong."""


def examine(
    stem: str, shown: Sequence[ShownOption], text: str, finish_reason: FinishReason | None = None
) -> Examined:
    """Cut up, find, attribute. Never raises on any text; linear in its length."""
    options = prepare(_spoken(tuple(shown), text), stem)
    document = find(text[: own_end(text, options.question)], options)
    units = units_of(document, options)
    said = stated(document, options)
    if finish_reason == "length" and not stands_when_cut(document.text, said):
        said = Stated()
    if len(said.options) == 1:
        units += derivation(document, options, units, said.options[0])
    own: list[list[Unit]] = [[] for _ in shown]
    for unit in sorted(units, key=lambda unit: unit.first):
        own[unit.option].append(unit)
    outcome = outcome_of(text, document, options, said, finish_reason)
    marked = dict(verdicts_of(document))
    return Examined(options, document, tuple(map(tuple, own)), said, outcome, marked)


_POLAR = {"true": "yes", "false": "no"}
_TRUTH = re.compile(r"\b(?:true|false)\b", re.I)


def _spoken(shown: tuple[ShownOption, ...], text: str) -> tuple[ShownOption, ...]:
    """The options; "yes" and "no" for true and false in a response that has neither word."""
    said = [_POLAR.get(option.text.strip().lower(), "") for option in shown]
    if not shown or not all(said) or _TRUTH.search(text):
        return shown
    return tuple(
        option.model_copy(update={"text": word}) for option, word in zip(shown, said, strict=True)
    )


def attribute(
    stem: str, shown: Sequence[ShownOption], text: str, finish_reason: FinishReason | None = None
) -> Attributed:
    """What the response says where of each option, and what it states as its answer.

    Never raises on any text; linear in its length.
    """
    return attributed(examine(stem, shown, text, finish_reason), shown)


def attributed(examined: Examined, shown: Sequence[ShownOption]) -> Attributed:
    """What was found in a response, in characters."""
    document = examined.document
    mentions: list[list[Span]] = [[] for _ in shown]
    for own in document.mentions:
        for mention in own:
            mentions[mention.option].append((mention.start, mention.end))
    return Attributed(
        tuple(
            OptionEvidence(
                tuple(mentions[option]),
                spans_of(document, units),
                any(new_words(document, examined.options, unit) for unit in units),
            )
            for option, units in enumerate(examined.units)
        ),
        tuple((segment.start, segment.end) for segment in document.segments),
        len(document.text),
        answer_label(examined.stated, [option.label for option in shown]),
        examined.outcome,
        examined.stated.explicit,
    )


def answer_label(said: Stated, labels: Sequence[str]) -> str | None:
    """The label answered; `multi` for several; None for none."""
    if len(said.options) > 1:
        return MULTI
    return labels[said.options[0]] if said.options else None


def new_words(document: Document, options: Options, unit: Unit) -> set[str]:
    """Stems in a unit that are neither the option's, the question's, a label nor judgement."""
    return {document.stems[at] for at in new_tokens(document, options, unit)}


def new_tokens(document: Document, options: Options, unit: Unit) -> Iterator[int]:
    """The places of these words."""
    own, question = options.weights[unit.option], options.question
    near, labels = openings(question), options.label_words
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
