"""Sentences that derive the answered option without naming it: by a part of its words."""

from __future__ import annotations

from starprobe.bench.readers.lexicon import JUDGE, STOP
from starprobe.bench.readers.mentions import FUZZY, TELLING, Document
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.units import DECLARES, DRIFTS, INSIDE, Unit

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
