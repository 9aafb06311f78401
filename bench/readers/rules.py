"""The reader without learned parts: an option is reasoned about where something new is said of it.

The whole rule is that sentence: referred to, and at least one word of what is said is neither the
option's own, nor the question's, nor a label, nor mere judgement. Beside it stand a judge of sides
and one of general reasoning, each of a few plain tests. It is the baseline that a learned reader
has to beat, the fallback where none can run, and the way to read millions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from starprobe.bench.readers.base import ErrorCounts, Reading, error_counts, verdict
from starprobe.bench.readers.text import Examined, answer_label, examine
from starprobe.bench.readers.text.attribution import (
    DECLARES,
    DRIFTS,
    INSIDE,
    Unit,
    new_words,
    spans_of,
)
from starprobe.bench.readers.text.document import (
    COMPARE,
    FUZZY,
    JUDGE,
    NEGATION,
    NEGATIVE,
    OPENING,
    POSITIVE,
    REJECT,
    STOP,
    VERDICT,
    openings,
)
from starprobe.bench.records import Side, Treatment, Verdict

NAME = "rules-4"
SURE = 0.5
"""Share of an option's words below which a mention by them is vague, and one new word too few."""
SCOPE = 4
"""Tokens that a negation reaches."""
LOOSE = 4
"""New words outside of all options that make general reasoning."""
P_REASONED = (0.08, 0.55, 0.68, 0.80, 0.90)
"""Share of options that are reasoned about by how many new words are said of them (0 to 4 or more):
counted on the half to learn from of the labelled set."""
P_WHOLE = (0.01, 0.05, 0.20, 0.80)
"""Share of responses that go option by option: where a third of the options or more is without a
reason, fewer, one, none."""


class Said(NamedTuple):
    """What the units of one option hold, put together."""

    new: int
    """Distinct new words in the unit that has most."""
    against: int
    """Negations and words that speak against it."""
    favour: int
    affirmed: int
    """Times it is pronounced right, and wrong."""
    denied: int
    weighed: bool
    """Compared with another, or ruled out."""
    first: int
    """Segment of the first unit; a large number for none."""


NOTHING = Said(0, 0, 0, 0, 0, False, 1 << 30)


class RulesReader:
    """Reads by rules alone: 2,000 responses a second and more on two cores."""

    name = NAME
    parallel = True

    def read(self, readings: Iterable[Reading]) -> Iterator[Verdict | None]:
        """The verdicts in order; never None."""
        for reading in readings:
            yield read_by_rules(reading)

    def errors(self) -> ErrorCounts | None:
        """Its counts on all annotated responses: it has learned from none."""
        return error_counts(NAME)

    def close(self) -> None:
        """Nothing to free."""


def read_by_rules(reading: Reading) -> Verdict:
    """The verdict of the rules. Never raises on any text."""
    examined = examine(reading.stem, reading.shown, reading.text, reading.finish_reason)
    said = [said_of(examined, units) for units in examined.units]
    labels = [shown.label for shown in reading.shown]
    treatments, missing = {}, 0
    for option, label in enumerate(labels):
        treatments[label] = _treatment(examined, said, option)
        missing += treatments[label].treatment != "reasoned"
    whole = None
    if len(labels) > 1:
        whole = P_WHOLE[3 if not missing else 2 if missing == 1 else missing * 3 < len(labels)]
    answer = answer_label(examined.stated, labels)
    return verdict(reading, treatments, answer, examined.outcome, is_general(examined), NAME, whole)


def _treatment(examined: Examined, said: Sequence[Said], option: int) -> Treatment:
    own = said[option]
    answered = option in examined.stated.options
    if not examined.units[option] and not answered:
        return Treatment()
    spans = spans_of(examined.document, examined.units[option])
    p = P_REASONED[min(own.new, 4)]
    if own.new:
        side = side_of(examined, said, option)
        return Treatment(treatment="reasoned", side=side, spans=spans, p_reasoned=p)
    return Treatment(treatment="named", spans=spans, p_reasoned=p)


def said_of(examined: Examined, units: Sequence[Unit]) -> Said:
    """The counts over the units of an option; a sentence that drifts off counts for nothing."""
    if not units:
        return NOTHING
    document, options = examined.document, examined.options
    new = against = favour = affirmed = denied = 0
    weighed = False
    for unit in units:
        if unit.how == DRIFTS:
            continue
        fresh = len(new_words(document, options, unit))
        listed = unit.how == INSIDE and unit.shared > 2
        vague = unit.kind == FUZZY and unit.score < SURE
        if fresh <= 1 and (listed or vague):
            continue
        new = max(new, fresh)
        own, reach = options.weights[unit.option], -1
        for at in range(unit.first, unit.stop):
            flag = document.flags[at]
            if not flag:
                continue
            key = document.stems[at]
            if not flag & (NEGATION | VERDICT) and (key in own or key in options.question):
                # Its own text and the question's words say nothing for or against it.
                continue
            weighed = weighed or bool(flag & (COMPARE | REJECT))
            if flag & NEGATION:
                against, reach = against + 1, at + SCOPE
            elif flag & (NEGATIVE | POSITIVE):
                good = bool(flag & POSITIVE) != (at <= reach)
                favour, against = favour + good, against + (not good)
                if flag & VERDICT:
                    affirmed, denied = affirmed + good, denied + (not good)
    first = min(unit.segment for unit in units)
    return Said(new, against, favour, affirmed, denied, weighed, first)


def side_of(examined: Examined, said: Sequence[Said], option: int) -> Side:
    """For the answer; against what is spoken against, or stands among what is; else neither."""
    own, options, stated = said[option], examined.options, examined.stated
    marked = examined.marked
    if option in stated.options:
        refuted = own.denied > 0 and not own.affirmed + own.favour
        return "against" if refuted and not options.negated else "for"
    if option in marked:
        return "for" if marked[option] and not stated.options else "against"
    others = [one for place, one in enumerate(said) if place != option and one.new]
    rejected = sum(one.against > 0 for one in others)
    among = bool(others) and rejected * 3 >= len(others)
    if not stated.options:
        if own.against or stated.how == "none":
            return "against"
        return "for" if own.affirmed > own.denied or not others or among else "neutral"
    if own.against or own.weighed or options.negated:
        return "against"
    if own.affirmed > own.denied or stated.options[0] in options.all_of:
        return "for"
    declared = [u.segment for u in examined.units[stated.options[0]] if u.how == DECLARES]
    return "against" if among or own.first > min(declared, default=own.first) else "neutral"


def is_general(examined: Examined) -> bool:
    """There is reasoning outside of all options: an equation, or a few words that are new."""
    document, options = examined.document, examined.options
    covered = bytearray(len(document.words))
    for units in examined.units:
        for unit in units:
            if unit.how not in (DRIFTS, DECLARES):
                covered[unit.first : unit.stop] = b"\1" * (unit.stop - unit.first)
    near = openings(options.question)
    loose: set[str] = set()
    for index, (first, stop) in enumerate(document.bounds):
        segment = document.segments[index]
        if covered.find(0, first, stop) < 0:
            continue
        if document.text.find("=", segment.start, segment.end) >= 0:
            return True
        for at in range(first, stop):
            key = document.stems[at]
            if covered[at] or document.flags[at] & (STOP | JUDGE) or key in options.owners:
                continue
            if key not in options.question and len(key) > 1 and key[:OPENING] not in near:
                loose.add(key)
        if len(loose) >= LOOSE:
            return True
    return False
