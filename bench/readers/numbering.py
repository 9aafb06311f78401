"""Numbers that count the steps of a response, and not its options.

Knows the labels that were found; where labels are numbers, both look the same.
"""

from __future__ import annotations

from starprobe.bench.readers.options import Options
from starprobe.bench.readers.tokens import LEAD, Document, Mention

AGREEING = 0.5
"""Share of numbered lines that must hold words of the option of that number."""


def without_numbering(document: Document, options: Options, found: list[Mention]) -> list[Mention]:
    """Labels that are numbers, without the numbers of a list of steps.

    The numbered lines are of options where most hold words of the option of that number.
    """
    numbered = [
        mention
        for mention in found
        if mention.kind == LEAD
        and document.text[mention.end : mention.end + 1] in (".", ")")
        and document.text[max(0, mention.start - 1) : mention.start] not in ("(", "[")
    ]
    if len(numbered) < 2:
        return found
    agreeing = sum(_agrees(document, options, mention) for mention in numbered)
    if agreeing >= AGREEING * len(numbered):
        return found
    dropped = {mention.start for mention in numbered}
    return [mention for mention in found if mention.start not in dropped]


def _agrees(document: Document, options: Options, mention: Mention) -> bool:
    weights = options.weights[mention.option]
    stems = document.stems[mention.stop : mention.stop + 12]
    return not weights or any(weights.get(key, 0.0) > 0.3 for key in stems)
