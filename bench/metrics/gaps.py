"""What asking for reasons adds: each elicited condition against its spontaneous twin, paired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from starprobe.bench.metrics.comparing import adjust, comparison, paired, paired_rows
from starprobe.bench.metrics.definitions import BY_NAME
from starprobe.bench.metrics.pairing import elicited_pairs, hinted_pairs
from starprobe.bench.metrics.records import Comparison

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("question_id", "order", "repeat")
METRICS = ("full_breakdown", "coverage", "accuracy", "tokens")


def contrasts(frame: pd.DataFrame) -> list[Comparison]:
    """Elicited minus spontaneous, and hinted minus unhinted, for each model of the frame.

    The condition of a row reads `plain -> scratchpad`; p is adjusted over all rows.
    """
    return adjust(list(_contrasts(frame)))


def _contrasts(frame: pd.DataFrame) -> Iterator[Comparison]:
    for model, table in frame.groupby("model", sort=False):
        for before, after in elicited_pairs(table) + hinted_pairs(table):
            one, two = paired_rows(
                table[table["condition"] == before], table[table["condition"] == after], KEYS
            )
            if not len(one):
                continue
            for name in METRICS:
                cell = str(model), str(model), f"{before} -> {after}"
                both = paired(BY_NAME[name], one, two)
                yield comparison(name, BY_NAME[name].kind, cell, both)
