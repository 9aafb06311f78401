"""Answers that are given away only by what is said of each option.

The response declares nothing, yet says of one option what is asked for, or turns down the others.
Nothing is implied by a refusal, nor by a text that stops in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bench.classifiers.answers.computed import computed
from bench.classifiers.answers.outcomes import is_cut, refuses
from bench.classifiers.answers.records import DENY, Answer
from bench.classifiers.attribution import DECLARES, DRIFTS, Unit
from bench.classifiers.evidence import Count, Evidence
from bench.classifiers.mentions import FUZZY, Document
from bench.classifiers.options import Options

SPOKEN, AHEAD = 0.6, 0.2
"""Share of what is asked for that implies an answer, and its lead over the next option."""
CLOSE = 0.1
"""Lead in shared words of an option over another one that the same words fit."""


class Case(NamedTuple):
    """What a response says of one option, for and against its being the answer."""

    option: int
    asked: float
    """Largest share of what is asked for in one sentence that denies nothing."""
    denied: float
    """The same in sentences that deny something."""
    rejected: bool
    affirmed: bool
    """Pronounced right."""
    score: float
    """Share of its words, where it is told by its words only; 1 for its label or whole text."""


def implied(
    document: Document, options: Options, found: Answer, evidence: Mapping[int, Evidence]
) -> Answer:
    """The answer that only the treatments give away, or what `stated` found."""
    if found.how != "none" or refuses(document.text):
        return found
    value = computed(document, options)
    if value is not None:
        return Answer(value, False, "implied")
    if is_cut(document.text):
        return found
    cases = [case_of(document, options, *item) for item in evidence.items()]
    for way in (_asked, _affirmed, _left_over, _exception, _last_named):
        option = way(document, options, cases)
        if option is not None:
            return Answer(option, False, "implied")
    return found


def case_of(document: Document, options: Options, option: int, known: Evidence) -> Case:
    """The case of one option, from its evidence."""
    said = _said(known)
    against = [(u, c) for u, c in said if c.negative or c.negations]
    return Case(
        option,
        max((c.focus for _, c in said if not c.negative), default=0.0),
        max((_share(document, options, unit) for unit, _ in against), default=0.0),
        any(c.denied or c.negations or c.negative for _, c in said),
        any(c.affirmed for _, c in said) and not any(c.denied or c.negations for _, c in said),
        max((unit.score for unit in known.units), default=0.0),
    )


def _said(known: Evidence) -> list[tuple[Unit, Count]]:
    return [
        (unit, count)
        for unit, count in zip(known.units, known.counts, strict=True)
        if unit.how not in (DECLARES, DRIFTS)
    ]


def _share(document: Document, options: Options, unit: Unit) -> float:
    if not options.focus:
        return 0.0
    shared = options.focus.intersection(document.stems[unit.first : unit.stop])
    return len(shared) / len(options.focus)


def _asked(document: Document, options: Options, cases: list[Case]) -> int | None:
    """Of one option, and no other, is said what is asked for."""
    if not cases or (len(cases) == 1 and cases[0].score < 1.0):
        return None
    first, second = _leaders(cases)
    if first.asked < SPOKEN:
        return None
    ahead = first.asked - second.asked >= AHEAD
    closer = first.score < 1.0 and first.score - second.score >= CLOSE
    return first.option if ahead or closer else None


def _leaders(cases: list[Case]) -> tuple[Case, Case]:
    """The two options of which most of what is asked for is said."""
    nobody = Case(-1, 0.0, 0.0, True, False, 0.0)
    ranked = sorted((*cases, nobody), key=lambda case: (-case.asked, -case.score))
    return ranked[0], ranked[1]


def _affirmed(document: Document, options: Options, cases: list[Case]) -> int | None:
    """One option is pronounced right, and all others that are spoken of are turned down."""
    right = [case.option for case in cases if case.affirmed]
    if len(right) == 1 and 0 < sum(case.rejected for case in cases) == len(cases) - 1:
        return right[0]
    return None


def _left_over(document: Document, options: Options, cases: list[Case]) -> int | None:
    """Most options are turned down; of one of the rest alone is said something asked for."""
    standing = [case for case in cases if not case.rejected]
    if options.negated or not 0 < len(standing) <= 2:
        return None
    if (len(cases) - len(standing)) * 2 < len(options.labels):
        return None
    first, second = _leaders(cases)
    return first.option if first in standing and first.asked > second.asked else None


def _exception(document: Document, options: Options, cases: list[Case]) -> int | None:
    """Asked for the exception: what is asked for is denied of one option only."""
    denied = [case for case in cases if case.rejected]
    whole = len(cases) == len(options.labels)
    if options.negated and whole and len(denied) == 1 and denied[0].denied > 0:
        return denied[0].option
    return None


def _last_named(document: Document, options: Options, cases: list[Case]) -> int | None:
    """The last sentence says, denying nothing, the whole text of the only option ever named."""
    if not document.segments or len(cases) != 1 or cases[0].score < 1.0:
        return None
    segment, named = document.segments[-1], document.mentions[-1]
    closes = any(m.kind > FUZZY and segment.end - m.end <= 2 for m in named)
    denies = DENY.search(document.text, segment.content, segment.end)
    return cases[0].option if closes and not denies else None
