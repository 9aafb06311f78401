"""Frame -> metrics with intervals, for each model and condition that can be measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from starprobe.bench.metrics.contrasts import known_condition
from starprobe.bench.metrics.definitions import BY_NAME, HEADLINES, Definition, all_metrics
from starprobe.bench.metrics.hints import hint_metrics
from starprobe.bench.metrics.positions import position_metrics
from starprobe.bench.records import Metric, NotApplicable
from starprobe.bench.statistics.intervals import Estimate, mean

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
        known = known_condition(str(condition))
        if known is None or not known.strippable or _local(source) or rows["thinks"].any():
            continue
        reason = (
            f"none of its {len(rows)} responses shows the thinking that was asked for: its "
            f"provider may cut it out, so the absence says nothing"
        )
        out.append(NotApplicable(model=str(model), condition=str(condition), reason=reason))
        keep &= ~((frame["model"] == model) & (frame["condition"] == condition))
    return (frame[keep] if out else frame), out


def _local(model: str) -> bool:
    backend, colon, _ = model.partition(":")
    return not colon or backend in LOCAL


def measure(frame: pd.DataFrame, own: Sequence[Definition] = ()) -> list[Metric]:
    """Every metric for each model and condition of the frame; `docs/metrics.md` lists them.

    A metric over nothing (no key, no options shown, no token counts) has no value and n = 0; those
    that need several orders or repeats are left out where the run has one.

    Args:
        frame: of `bench.metrics.frame`.
        own: metrics beside the built-in ones and those of plug-ins.
    """
    return [*_by_cell(frame, own), *hint_metrics(frame)]


def measure_sets(frame: pd.DataFrame) -> dict[str, list[Metric]]:
    """Question set -> its headline metrics, where the frame holds several sets."""
    names = sorted(str(name) for name in frame["probes"].drop_duplicates())
    if len(names) < 2:
        return {}
    wanted = [BY_NAME[name] for name in HEADLINES]
    return {
        name: [
            as_metric(definition.name, model, condition, estimate(definition, table))
            for model, condition, table in cells(frame[frame["probes"] == name])
            for definition in wanted
        ]
        for name in names
    }


def _by_cell(frame: pd.DataFrame, own: Sequence[Definition]) -> Iterator[Metric]:
    for model, condition, table in cells(frame):
        for definition in (*all_metrics().values(), *own):
            yield as_metric(definition.name, model, condition, estimate(definition, table))
        for name, value in position_metrics(table):
            yield as_metric(name, model, condition, value)


def estimate(definition: Definition, table: pd.DataFrame) -> Estimate:
    """One metric over rows of a frame: every question weighs alike, and its orders in it."""
    values, questions, orders = (
        definition.values(table),
        table["question"].to_numpy(),
        table["arranged"].to_numpy(),
    )
    return mean(values, questions, definition.within_bounds, orders)


def cells(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(model, condition, rows), in the frame's order."""
    for (model, condition), table in frame.groupby(["model", "condition"], sort=False):
        yield str(model), str(condition), table


def as_metric(name: str, model: str, condition: str, found: Estimate) -> Metric:
    """An estimate under its name."""
    return Metric(name=name, model=model, condition=condition, **found._asdict())
