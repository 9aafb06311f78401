"""The pairs of a comparison whose style or correctness changed, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starprobe.bench.metrics.compare import PAIR_KEYS, paired_rows
from starprobe.reports import palette, sentences
from starprobe.reports.tables import Cell, Row, Table, link

if TYPE_CHECKING:
    import pandas as pd

AFTER = "after"
"""The word before the names of the models after."""
FLIPS = 1000
"""Changed pairs listed; the browser has all."""


def flips_table(first: pd.DataFrame, second: pd.DataFrame) -> Table:
    """The pairs whose style or correctness changed, each linked to its responses."""
    keys = PAIR_KEYS if first["model"].nunique() == 1 else ("model", *PAIR_KEYS)
    before, after = paired_rows(first, second, keys)
    changed = (before["style"].to_numpy() != after["style"].to_numpy()) | (
        before["correct"].fillna(False).to_numpy() != after["correct"].fillna(False).to_numpy()
    )
    pairs = zip(
        before[changed].itertuples(index=False), after[changed].itertuples(index=False), strict=True
    )
    rows = [_flip(b, a) for b, a in list(pairs)[:FLIPS]]
    total = int(changed.sum())
    caption = f"{total:,} of {len(before):,} pairs changed their style or their correctness."
    if total > FLIPS:
        caption += f" The first {FLIPS:,} are listed."
    columns = [("question", "w"), ("condition", ""), ("style before", ""), ("style after", "")]
    columns += [("coverage before", "n"), ("coverage after", "n")]
    columns += [("answer before", ""), ("answer after", "")]
    return Table("flips", "Which questions changed", caption, columns, rows)


def _flip(before: Any, after: Any) -> Row:
    where = {
        "question": before.question_id,
        "model": f"{AFTER} · {after.model}",
        "condition": before.condition,
        **({"order": str(before.order)} if before.order else {}),
        **({"repeat": str(before.repeat)} if before.repeat else {}),
    }
    return Row(
        [
            Cell(str(before.stem)[:120], link=link(where)),
            Cell(before.condition),
            *(Cell(palette.STYLE_WORDS[side.style]) for side in (before, after)),
            *(_coverage(side.coverage) for side in (before, after)),
            *(_answer(side) for side in (before, after)),
        ]
    )


def _coverage(value: float) -> Cell:
    return Cell("–", "") if value != value else Cell(sentences.percent(value), f"{value:.4g}")


def _answer(side: Any) -> Cell:
    if side.outcome != "answered":
        return Cell(palette.OUTCOME_WORDS[side.outcome])
    known = side.key is not None and side.key == side.key
    mark = "" if not known else " ✓" if side.answer == side.key else " ✗"
    return Cell(f"{side.answer_label or '?'}{mark}")
