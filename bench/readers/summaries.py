"""The counts of an option's units put together, and of all options of a response.

Sums and maxima only: what they mean is for the rules and the learned weights to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from starprobe.bench.readers.evidence import Evidence
from starprobe.bench.readers.lexicon import COMPARE, CONTRAST, REJECT
from starprobe.bench.readers.mentions import FUZZY, TEXT
from starprobe.bench.readers.units import DRIFTS, GOES_ON, INSIDE


class Summary(NamedTuple):
    """The counts of one option put together."""

    novel: tuple[int, ...]
    """Most novel stems in one unit, by how the unit hangs on the option (DECLARES ... OPENS)."""
    best: int
    total: int
    alone: int
    """Most novel stems in a unit that no other option shares."""
    marks: int
    negations: int
    negatives: int
    positives: int
    asked: int
    numbers: int
    affirmed: int
    denied: int
    asked_denied: int
    pure: int
    """Most novel stems in one unit that are no other option's."""
    pure_total: int
    kind: int
    only_fuzzy: bool
    score: float
    shared: int
    how: int
    """Bits 1 << how of its units."""
    start: int
    """Segment of its first unit."""

    @property
    def against(self) -> int:
        """Words that speak against it."""
        return self.negations + self.negatives


class Crowd(NamedTuple):
    """How many options are treated how; the peers of an option are the crowd less itself."""

    options: int
    present: int
    """Referred to at all."""
    novel: int
    """Novel stems of their best units, at most 10 each."""
    busy: int
    """With a unit of two novel stems."""
    said: int
    talked: int
    rejected: int
    """Of those talked about, with a word against them."""


def crowd_of(summaries: Mapping[int, Summary], options: int) -> Crowd:
    """The sums over all options of a response."""
    present = novel = busy = said = talked = rejected = 0
    for summary in summaries.values():
        present += 1
        novel += min(summary.best, 10)
        busy += summary.best >= 2
        said += summary.pure_total + summary.asked > 1
        if summary.total + summary.asked:
            talked += 1
            rejected += summary.against > 0
    return Crowd(options, present, novel, busy, said, talked, rejected)


def peers_of(crowd: Crowd, summary: Summary) -> Crowd:
    """The crowd without one option."""
    talks = summary.total + summary.asked > 0
    return Crowd(
        crowd.options - 1,
        crowd.present - 1,
        crowd.novel - min(summary.best, 10),
        crowd.busy - (summary.best >= 2),
        crowd.said - (summary.pure_total + summary.asked > 1),
        crowd.talked - talks,
        crowd.rejected - (talks and summary.against > 0),
    )


def in_passing(summary: Summary) -> bool:
    """Its words stand inside of sentences about something else, and nothing weighs it."""
    weighed = summary.against or summary.marks & (COMPARE | CONTRAST | REJECT)
    return _only_inside(summary) and summary.kind <= TEXT and not weighed


def listed_only(summary: Summary) -> bool:
    """One of three or more that a sentence lists at its end, with at most one word that is new."""
    return _only_inside(summary) and summary.shared > 2 and summary.best <= 1


def _only_inside(summary: Summary) -> bool:
    return summary.how & ~(1 << DRIFTS | 1 << GOES_ON) == 1 << INSIDE


def summarise(evidence: Evidence) -> Summary:
    """One pass over the units of an option."""
    novel = [0, 0, 0, 0, 0, 0]
    best = total = alone = marks = negations = negatives = positives = asked = numbers = 0
    kind = how = affirmed = denied = asked_denied = pure = pure_total = 0
    score, shared = 0.0, 99
    for unit, count in zip(evidence.units, evidence.counts, strict=True):
        fresh = count.novel
        if fresh > novel[unit.how]:
            novel[unit.how] = fresh
        how |= 1 << unit.how
        if unit.how == DRIFTS:
            continue
        if fresh > best:
            best = fresh
        total += fresh
        if unit.shared == 1 and fresh > alone:
            alone = fresh
        if unit.kind > kind:
            kind = unit.kind
        if unit.score > score:
            score = unit.score
        if unit.shared < shared:
            shared = unit.shared
        if unit.how == INSIDE and count.tokens <= 2:
            continue
        marks |= count.marks
        negations += count.negations
        negatives += count.negative
        positives += count.positive
        asked += count.asked
        numbers += count.numbers
        affirmed += count.affirmed
        denied += count.denied
        asked_denied += count.asked_denied
        fresh -= count.foreign
        if fresh > pure:
            pure = fresh
        pure_total += fresh
    return Summary(
        tuple(novel), best, total, alone, marks, negations, negatives, positives, asked, numbers,
        affirmed, denied, asked_denied, pure, pure_total, kind, kind == FUZZY, score, shared, how,
        min([unit.segment for unit in evidence.units]),
    )  # fmt: skip
