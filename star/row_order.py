"""In which order rows are trained on: fixed before training, the same for any number of processes.

Batches hold rows of like length, so that little is padding; a seed decides all of it, so that a
fine-tune that was killed goes on with the very rows that it had not seen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

BATCHES_SORTED = 50
"""Rows are sorted by length within so many batches of a shuffled epoch, not over all of it."""


def row_order(lengths: Sequence[int], batch: int, steps: int, seed: int) -> list[int]:
    """Row numbers for so many whole batches, one behind the other.

    Every row comes once before any comes again, but where a batch is left open at the end of an
    epoch: the next one's first rows fill it. The batch of the longest row comes first: what does
    not fit into memory shows at once.
    """
    rng = random.Random(f"rows|{seed}")
    batches: list[list[int]] = []
    left: list[int] = []
    while len(batches) < steps:
        fresh = list(range(len(lengths)))
        rng.shuffle(fresh)
        if left:
            fresh.sort(key=set(left).__contains__)
            taken = batch - len(left)
            left, fresh = left + fresh[:taken], fresh[taken:]
            if len(left) < batch:
                continue
            batches.append(left)
            rng.shuffle(fresh)
        whole = len(fresh) // batch * batch
        batches += _alike(fresh[:whole], lengths, batch, rng)
        left = fresh[whole:]
    longest = max(range(steps), key=lambda i: max(lengths[row] for row in batches[i]))
    batches[0], batches[longest] = batches[longest], batches[0]
    return [row for rows in batches[:steps] for row in rows]


def step_count(rows: int, batch: int, epochs: float) -> int:
    """Steps that show every row so many times, the last batch filled up."""
    return max(1, -int(-rows * epochs // batch))


def _alike(
    rows: Sequence[int], lengths: Sequence[int], batch: int, rng: random.Random
) -> list[list[int]]:
    """Batches of like length, shuffled."""
    found: list[list[int]] = []
    for start in range(0, len(rows), BATCHES_SORTED * batch):
        window = sorted(rows[start : start + BATCHES_SORTED * batch], key=lambda i: -lengths[i])
        made = [window[i : i + batch] for i in range(0, len(window), batch)]
        rng.shuffle(made)
        found += made
    return found
