"""How often a reader of ours errs on "goes option by option", for correcting observed rates.

Counted on annotated sources that the reader was not fitted on; `bench.metrics.corrected` turns such
counts into a corrected rate with its interval (Rogan & Gladen 1978; Lang & Reiczigel 2014).
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorCounts(NamedTuple):
    """Counts on responses whose style people have labelled."""

    true_positives: int
    positives: int
    """Responses labelled option_by_option."""
    true_negatives: int
    negatives: int


def error_counts(classifier: str) -> ErrorCounts | None:
    """The counts of a reader, by its name with or without a version; None where none were made."""
    from starprobe.bench.readers.learned import shipped

    name = classifier.partition("-")[0]
    found = shipped()["provenance"]["left_out"].get(name)
    if found is None:
        return None
    (hits, positives) = found["option_by_option"]["sensitivity"]
    (rejections, negatives) = found["option_by_option"]["specificity"]
    return ErrorCounts(hits, positives, rejections, negatives)
