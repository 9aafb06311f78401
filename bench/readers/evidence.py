"""What the units of one option hold: how much of it is new, and which way it speaks.

Counts only; decides nothing. These counts are all that the rules and the learned reader see.
"""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from starprobe.bench.readers.lexicon import (
    ABSOLUTE,
    CAUSE,
    COMPARE,
    CONTRAST,
    HEDGE,
    JUDGE,
    NEGATION,
    NEGATIVE,
    OPTION_WORDS,
    ORDINALS,
    POSITIVE,
    REJECT,
    STOP,
    VERDICT,
)
from starprobe.bench.readers.mentions import Document
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.units import DECLARES, INSIDE, OPENS, Unit
from starprobe.bench.readers.words import OPENING, openings

_TRUTH = frozenset({"true", "false"})
SENSE, PLAIN = POSITIVE | NEGATIVE, NEGATION | VERDICT
_BECAUSE = frozenset({"because", "since", "as", "so"})
_NO_CLAUSE = OPTION_WORDS | {"well", "long", "far", "a", "an", "of"}
"""After those words: no clause that says why."""
SCOPE = 4
"""Tokens that a negation reaches."""


class Count(NamedTuple):
    """What one unit holds."""

    novel: int
    """Distinct content stems that are neither the option's, the question's nor mere judgement."""
    asked: int
    """Content stems of the question."""
    own: int
    """Content stems of the option itself."""
    foreign: int
    """Novel stems that are another option's."""
    judge: int
    positive: int
    negative: int
    negations: int
    marks: int
    """Union of the flags of its tokens."""
    numbers: int
    tokens: int
    affirmed: int
    """Times that it is pronounced right."""
    denied: int
    """Times that it is pronounced wrong."""
    asked_denied: int
    """Content stems of the question within reach of a negation."""
    symbols: int
    """One-letter words: the letters of a formula."""
    focus: float
    """Share of what is asked for that occurs here, 0 where anything is negated."""


class Evidence(NamedTuple):
    """The units of one option with their counts."""

    units: list[Unit]
    counts: list[Count]


def gather(document: Document, options: Options, units: list[Unit]) -> dict[int, Evidence]:
    """Option -> its evidence, for the options that are referred to at all."""
    found: dict[int, Evidence] = {}
    mates = [{mention.option for mention in own} for own in document.mentions]
    for unit in units:
        evidence = found.get(unit.option)
        if evidence is None:
            evidence = found[unit.option] = Evidence([], [])
        evidence.units.append(unit)
        evidence.counts.append(count(document, options, unit, mates[unit.segment]))
    return found


def count(document: Document, options: Options, unit: Unit, mates: set[int]) -> Count:
    """The counts of one unit; `mates` are the options named in its segment, it included."""
    labels, words = options.label_words, document.words
    wordless = unit.option in options.wordless
    own_stems, question = options.weights[unit.option], options.question
    near = openings(question)
    stems, flags, owners = document.stems, document.flags, options.owners
    novel: set[str] = set()
    foreign: set[str] = set()
    asked = own = judge = positive = negative = negations = marks = numbers = 0
    reach = -1
    affirmed = denied = asked_denied = symbols = 0
    for at in range(unit.first, unit.stop):
        key = stems[at]
        if key in labels and key not in own_stems:
            continue
        flag = flags[at]
        if wordless and words[at] in _TRUTH:
            # "(A and B) is false" is what the formula means, not that it is wrong.
            flag = JUDGE
        if flag:
            if flag & SENSE and not flag & PLAIN and (key in own_stems or key in question):
                # Its own text and the question's words say nothing for or against it.
                flag &= ~SENSE
            marks |= flag
            if flag & NEGATION:
                negations += 1
                reach = at + SCOPE
            if flag & POSITIVE:
                if at <= reach:
                    negative += 1
                else:
                    positive += 1
            if flag & NEGATIVE and not flag & NEGATION:
                if at <= reach:
                    positive += 1
                else:
                    negative += 1
            if flag & VERDICT:
                if bool(flag & NEGATIVE) == (at <= reach):
                    affirmed += 1
                else:
                    denied += 1
            if flag & STOP:
                continue
            if flag & JUDGE:
                judge += 1
                continue
        if key in own_stems:
            own += 1
        elif key in question or key[:OPENING] in near:
            asked += 1
            asked_denied += at <= reach
        elif len(key) == 1 and not key.isdigit():
            symbols += 1
        elif len(key) > 1 or key.isdigit():
            if key[0].isdigit():
                numbers += 1
            holders = owners.get(key)
            if words[at] in ORDINALS and words[at + 1 : at + 2] == ["option"]:
                continue
            if holders:
                foreign.add(key)
                if len(mates) > 1 and not mates.isdisjoint(holders):
                    continue
            novel.add(key)
    if wordless and unit.how == OPENS:
        gloss = asked + judge - affirmed - denied
        if gloss > 0:
            # What is said of a formula is said in its own letters and the question's words.
            gloss += (symbols + own) // 2
            novel.update(f"\0{number}" for number in range(min(3, gloss)))
        if not affirmed + denied:
            # NOT and its like are parts of the formula.
            negations = negative = 0
            marks &= ~(NEGATION | NEGATIVE)
    argued = not novel and asked and unit.shared == 1 and marks & CAUSE
    if argued and _argues(document, options, unit):
        novel.add("\0because")
    spoken = 0.0
    if options.focus and not negations and not negative:
        spoken = len(options.focus.intersection(stems[unit.first : unit.stop])) / len(options.focus)
    return Count(
        len(novel),
        asked,
        own,
        len(foreign & novel),
        judge,
        positive,
        negative,
        negations,
        marks,
        numbers,
        unit.stop - unit.first,
        affirmed,
        denied,
        asked_denied,
        symbols,
        spoken,
    )


_FIRST = attrgetter("first")


def _argues(document: Document, options: Options, unit: Unit) -> bool:
    """A "because" in the question's words: "they're all alike, so it varies not"."""
    words, stems, own = document.words, document.stems, options.weights[unit.option]
    for at in range(unit.first + 1, unit.stop - 1):
        following = words[at + 1]
        if words[at] not in _BECAUSE or following in _NO_CLAUSE or following in options.label_words:
            continue
        clause = stems[at + 1 : unit.stop]
        if not options.question.isdisjoint(key for key in clause if key not in own):
            return True
    return False


def spans_of(document: Document, units: list[Unit]) -> tuple[tuple[int, int], ...]:
    """The stretches of text of these units, in order, merged where they touch."""
    merged: list[tuple[int, int]] = []
    inside = [unit for unit in units if unit.first < len(document.starts)]
    if len(inside) > 1:
        inside.sort(key=_FIRST)
    for unit in inside:
        start = document.starts[unit.first]
        end = document.ends[max(unit.first, unit.stop - 1)]
        if merged and start <= merged[-1][1] + 2:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


__all__ = [
    "ABSOLUTE",
    "CAUSE",
    "COMPARE",
    "CONTRAST",
    "DECLARES",
    "HEDGE",
    "INSIDE",
    "REJECT",
    "Count",
    "Evidence",
    "count",
    "gather",
    "spans_of",
]
