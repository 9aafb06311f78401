"""Metrics frames -> the frame that `analyse` takes: a row a response, labelled by its arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starprobe.bench.metrics.contrasts import elicited_only, spontaneous

if TYPE_CHECKING:
    import pandas as pd

FULL = 1.0
_ROUNDING = 1e-9


def label(
    frame: pd.DataFrame,
    arm: str,
    checkpoint: str,
    at_least: float = FULL,
    elicited: bool = False,
) -> pd.DataFrame:
    """The responses of one checkpoint as evidence: columns arm, checkpoint, question_id, sign.

    Only spontaneous conditions without a hint count: what was asked for is no sign. The sign is a
    full breakdown; responses without options have none and are left out.

    Args:
        frame: of `bench.metrics.frame`, of this checkpoint's run.
        arm: how its model was made.
        checkpoint: which one of that arm: its training seed or folder.
        at_least: the coverage from which on a response shows the sign.
        elicited: take the conditions that ask for reasons instead, for a reference.
    """
    counts = elicited_only if elicited else spontaneous
    own = {name: counts(str(name)) for name in frame["condition"].unique()}
    kept = frame[frame["condition"].map(own).astype(bool) & frame["coverage"].notna()]
    shown = kept["coverage"] >= at_least - _ROUNDING
    found = kept[["question_id"]].assign(arm=arm, checkpoint=checkpoint, sign=shown.astype(float))
    return found[["arm", "checkpoint", "question_id", "sign"]]
