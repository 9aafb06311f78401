"""Wrong answers beside right ones: the pairs of the preference stage (Iterative RPO)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from starprobe.star.records import Sample


def rejected_for(samples: Sequence[Sample]) -> dict[str, str]:
    """Kept sample id -> a whole answer to the very same prompt that is wrong or unwanted.

    Wrong answers are dealt out in turn, so that they differ where there are several. A kept sample
    of a question that has none is not in it.
    """
    wrong: dict[tuple[str, int], list[str]] = defaultdict(list)
    for sample in samples:
        if sample.reason in ("wrong", "reward"):
            wrong[sample.question_id, sample.order].append(sample.text)
    found: dict[str, str] = {}
    dealt: dict[tuple[str, int], int] = defaultdict(int)
    for sample in samples:
        key = (sample.question_id, sample.order)
        if sample.kept and wrong[key]:
            found[sample.id] = wrong[key][dealt[key] % len(wrong[key])]
            dealt[key] += 1
    return found
