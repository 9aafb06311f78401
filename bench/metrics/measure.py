"""Frame -> metrics with intervals, for each model and condition that can be measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from starprobe.bench.metrics.definitions import DEFINITIONS, Definition, numbers
from starprobe.bench.metrics.hints import channels, hint_metrics
from starprobe.bench.metrics.lengths import NAME as MATCHED
from starprobe.bench.metrics.lengths import matched_length
from starprobe.bench.metrics.positions import position_metrics
from starprobe.bench.records import Metric, NotApplicable
from starprobe.bench.statistics.corrected import ReaderError, corrected_rate
from starprobe.bench.statistics.intervals import Estimate, mean, rate
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


def measure(frame: pd.DataFrame, error: ReaderError | None = None) -> list[Metric]:
    """Every metric for each model and condition of the frame; `docs/metrics.md` lists them.

    A metric over nothing (no key, no token counts, one order) has no value and n = 0, or is left
    out where it would need what the run does not have.

    Args:
        frame: of `bench.metrics.frame`.
        error: how the reader did on labelled texts; adds `full_breakdown_corrected`.
    """
    return [*_by_cell(frame, error), *_at_matched_length(frame), *hint_metrics(frame)]


def _by_cell(frame: pd.DataFrame, error: ReaderError | None) -> Iterator[Metric]:
    for model, condition, table in cells(frame):
        for definition in DEFINITIONS:
            yield as_metric(definition.name, model, condition, estimate(definition, table))
        if error is not None:
            questions = table["question_id"].to_numpy()
            found = corrected_rate(numbers(table, "full"), questions, error)
            yield as_metric("full_breakdown_corrected", model, condition, found)
        for name, value in position_metrics(table):
            yield as_metric(name, model, condition, value)


def _at_matched_length(frame: pd.DataFrame) -> Iterator[Metric]:
    """For conditions in which several models were run."""
    for condition, rows in frame.groupby("condition", sort=False):
        groups = {str(model): table for model, table in rows.groupby("model", sort=False)}
        if len(groups) > 1:
            for model, found in matched_length(groups).rates.items():
                yield as_metric(MATCHED, model, str(condition), found)


def estimate(definition: Definition, table: pd.DataFrame) -> Estimate:
    """One metric over rows of a frame, with its interval over questions."""
    values, questions = definition.values(table), table["question_id"].to_numpy()
    if definition.kind == "rate":
        return rate(values, questions)
    return mean(values, questions, definition.bounded)


def cells(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(model, condition, rows), in the frame's order."""
    for (model, condition), table in frame.groupby(["model", "condition"], sort=False):
        yield str(model), str(condition), table


def as_metric(name: str, model: str, condition: str, found: Estimate) -> Metric:
    """An estimate under its name."""
    return Metric(
        name=name,
        model=model,
        condition=condition,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        method=found.method,
    )
