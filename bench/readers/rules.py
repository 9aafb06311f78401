"""The transparent baseline: thresholds on the counts of the evidence, each readable below.

What the learned reader has to beat. Knows the counts, not the text.
"""

from __future__ import annotations

from starprobe.bench.readers.attribution import DECLARES, INSIDE, OPENS
from starprobe.bench.readers.base import Reading
from starprobe.bench.readers.evidence import Evidence
from starprobe.bench.readers.examine import examine, verdict
from starprobe.bench.readers.learned import LOOSE, decide, summaries_of
from starprobe.bench.readers.lexicon import CAUSE
from starprobe.bench.records import Verdict

NAME = "rules-1"
ENOUGH = 2
"""Novel words that make a reason in a clause of its own."""


class RulesClassifier:
    """Reads by rules alone."""

    name = NAME

    def classify(self, reading: Reading) -> Verdict:
        """The verdict of the rules; `p_option_by_option` is None: rules are not calibrated."""
        examined = examine(reading)
        summaries = summaries_of(examined)
        probabilities = {
            option: float(option not in examined.restated and is_reasoned(evidence))
            for option, evidence in examined.evidence.items()
        }
        decisions = decide(examined, summaries, probabilities)
        general = examined.loose >= LOOSE or examined.equations > 0
        return verdict(reading, examined, decisions, examined.answer, general, None, self.name)


def is_reasoned(evidence: Evidence) -> bool:
    """At least one unit with enough that is new."""
    for unit, count in zip(evidence.units, evidence.counts, strict=True):
        need = ENOUGH
        if unit.how in (DECLARES, INSIDE) and not count.marks & CAUSE:
            need += 1
        if unit.how == OPENS and count.marks & CAUSE:
            need -= 1
        if count.novel >= need:
            return True
    return False
