"""Cells that cannot be measured, because what would be measured may have been cut out on the way.

A provider may strip the thinking that a condition asks for; that none of it arrived then says
nothing of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starprobe.bench.metrics.hints import channels
from starprobe.bench.metrics.records import NotApplicable
from starprobe.probes.conditions import get_condition
from starprobe.probes.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LOCAL = ("hf", "vllm", "lm-eval", "scripted")
"""Backends that hand over every token that the model wrote."""


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[NotApplicable]]:
    """The rows that can be measured, and the cells that cannot, with why.

    A cell is out where its condition asks for thinking that a provider may strip, the model was
    reached over a network, and not one response shows thinking.
    """
    out: list[NotApplicable] = []
    keep = frame["condition"].notna()
    for (model, condition), rows in frame.groupby(["model", "condition"], sort=False):
        source = str(rows["source_model"].iloc[0]) if "source_model" in rows else str(model)
        if not _strippable(str(condition)) or _local(source) or _shows_thinking(rows):
            continue
        reason = (
            f"none of its {len(rows)} responses shows the thinking that was asked for: its "
            f"provider may cut it out, so the absence says nothing"
        )
        out.append(NotApplicable(model=str(model), condition=str(condition), reason=reason))
        keep &= ~((frame["model"] == model) & (frame["condition"] == condition))
    return (frame[keep] if out else frame), out


def _strippable(condition: str) -> bool:
    try:
        return get_condition(condition).strippable
    except UserError:
        return False


def _local(model: str) -> bool:
    backend, colon, _ = model.partition(":")
    return not colon or backend in LOCAL


def _shows_thinking(rows: pd.DataFrame) -> bool:
    texts = zip(rows["text"], rows["reasoning"], strict=True)
    return any(channels(text, reasoning).reasoning for text, reasoning in texts)
