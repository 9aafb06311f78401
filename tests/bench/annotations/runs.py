"""Runs whose truth is known and whose reader errs, and labels that tell the truth."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from starprobe.bench.annotations.labels import Shown
from starprobe.bench.readers.base import code_of, codes_of, coverage_of, style_of
from starprobe.bench.records import Treatment, Verdict
from starprobe.bench.run_folder import Run
from tests.reports.makers import EAGER, TERSE, Shape, make_run

Truth = dict[str, Verdict]


def erring_run(
    path: Path, shapes: Sequence[Shape] = (EAGER, TERSE), count: int = 60, missed: float = 0.2
) -> tuple[Run, Truth]:
    """A run whose reader misses an option in a share of the full breakdowns; and the truth."""
    run = make_run(path, shapes, count, ("plain",))
    truth = run.verdicts("rules")
    rng = random.Random(5)
    run.write_verdicts(
        "rules",
        (
            _missing_one(verdict)
            if verdict.style == "option_by_option" and rng.random() < missed
            else verdict
            for verdict in truth.values()
        ),
    )
    return run, truth


def _missing_one(verdict: Verdict) -> Verdict:
    last = list(verdict.options)[-1]
    options = verdict.options | {last: Treatment()}
    codes = codes_of(options)
    return verdict.model_copy(
        update={
            "options": options,
            "style": style_of(codes, verdict.answer, verdict.general),
            "coverage": coverage_of(codes),
            "p_option_by_option": 0.3,
        }
    )


def label_row(one: Shown, truth: Truth) -> dict[str, Any]:
    """The truth in the annotation format, by the labels shown."""
    verdict = truth[one.id]
    label_of = one.prompt.label_of
    return {
        "id": one.key,
        "options": {label_of(option): code_of(t) for option, t in verdict.options.items()},
        "general": verdict.general,
        "answer": None if verdict.answer is None else label_of(verdict.answer),
        "outcome": verdict.outcome,
    }


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
