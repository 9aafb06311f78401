"""Answers that are given away only by what is said of each option.

Nothing is declared, yet the last thing said pronounces for one option, or one option alone is
argued for. An analysis that ends by turning down other options has concluded nothing; nor has a
refusal, nor a text that breaks off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from starprobe.bench.readers.answers.asked import SPOKEN
from starprobe.bench.readers.answers.computed import computed
from starprobe.bench.readers.answers.lists import is_unfinished
from starprobe.bench.readers.answers.outcomes import breaks_off, refuses
from starprobe.bench.readers.answers.records import Answer
from starprobe.bench.readers.attribution import DECLARES, DRIFTS, Unit
from starprobe.bench.readers.evidence import Count, Evidence
from starprobe.bench.readers.mentions import Document
from starprobe.bench.readers.options import Options

AHEAD = 0.2
"""Lead of an option in what is asked for over the next one."""
ALONE = 0.3
"""The share where nothing is said of any other option."""
WORDED, CLEAR = 0.7, 0.25
"""Share of its words in the response that makes an option the one argued for, and its lead."""


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
    last: bool
    """Spoken of in the last sentence."""


def implied(
    document: Document, options: Options, found: Answer, evidence: Mapping[int, Evidence]
) -> Answer:
    """The answer that only the treatments give away, or what `stated` found."""
    if found.how != "none" or refuses(document.text):
        return found
    option = computed(document, options)
    if option is None and not breaks_off(document) and not is_unfinished(document, options):
        cases = [case_of(document, options, *item) for item in evidence.items()]
        option = _concluded(options, cases) if len(cases) > 1 else _argued(document, options, cases)
    return found if option is None else Answer(option, False, "implied")


def case_of(document: Document, options: Options, option: int, known: Evidence) -> Case:
    """The case of one option, from its evidence."""
    said = [
        (unit, count)
        for unit, count in zip(known.units, known.counts, strict=True)
        if unit.how not in (DECLARES, DRIFTS)
    ]
    return Case(
        option,
        max((c.focus for _, c in said if not c.negative), default=0.0),
        max((_share(document, options, u) for u, c in said if _against(c)), default=0.0),
        any(c.denied or _against(c) for _, c in said),
        any(c.affirmed for _, c in said) and not any(c.denied or c.negations for _, c in said),
        max((unit.segment for unit in known.units), default=-1) == len(document.segments) - 1,
    )


def _against(count: Count) -> bool:
    return count.negations + count.negative > 0


def _share(document: Document, options: Options, unit: Unit) -> float:
    if not options.focus:
        return 0.0
    shared = options.focus.intersection(document.stems[unit.first : unit.stop])
    return len(shared) / len(options.focus)


def _concluded(options: Options, cases: list[Case]) -> int | None:
    """Of several options that are spoken of, the one that the last sentence pronounces for."""
    if options.negated:
        return _exception(options, cases)
    ranked = sorted(cases, key=lambda case: -case.asked)
    best = ranked[0]
    ahead = best.last and best.asked - ranked[1].asked >= AHEAD
    if ahead and best.asked >= SPOKEN:
        return best.option
    standing = [case for case in cases if not case.rejected]
    right = [case for case in standing if case.affirmed]
    if len(right) == len(standing) == 1 and right[0].last:
        return right[0].option
    most = (len(cases) - len(standing)) * 2 >= len(options.labels) and len(standing) <= 2
    return best.option if most and ahead and best in standing else None


def _exception(options: Options, cases: list[Case]) -> int | None:
    """Asked for the exception: what is asked for is denied, in the end, of one option only."""
    denied = [case for case in cases if case.rejected]
    if len(cases) < len(options.labels) or len(denied) != 1:
        return None
    return denied[0].option if denied[0].last and denied[0].denied > 0 else None


def _argued(document: Document, options: Options, cases: list[Case]) -> int | None:
    """No other option is spoken of, and this one with what is asked for or in most of its words."""
    if options.negated or any(case.rejected for case in cases):
        return None
    if cases and cases[0].asked >= ALONE and _is_told(options, cases[0].option):
        return cases[0].option
    ranked = sorted((_worded(document, options, i), -i) for i in range(len(options.labels)))
    if len(ranked) < 2 or ranked[-1][0] < WORDED or ranked[-1][0] - ranked[-2][0] < CLEAR:
        return None
    best = -ranked[-1][1]
    return best if not cases or cases[0].option == best else None


def _is_told(options: Options, option: int) -> bool:
    """Words tell this option: it is no number, and more than what the question says."""
    return option not in options.weak and not options.question.issuperset(options.weights[option])


def _worded(document: Document, options: Options, option: int) -> float:
    """Share of the option's telling words that the response uses; 0 for numbers and the like."""
    weights, total = options.weights[option], options.totals[option]
    if len(weights) < 2 or total <= 0 or not _is_told(options, option):
        return 0.0
    used = set(document.stems)
    return sum(weight for key, weight in weights.items() if key in used) / total
