"""What an import would take in: three rows as they are understood, and totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starprobe.bench.importers.run_folder import arrange
from starprobe.bench.importers.sample import Sample
from starprobe.probes.schema import Record

SHOWN = 3


class Preview(Record):
    """What files hold, as they are understood."""

    rows: tuple[Sample, ...]
    """The first ones of different models, as far as there are several."""
    responses: int
    models: dict[str, int]
    """Model -> responses."""
    questions: int
    conditions: tuple[str, ...]
    with_options: float
    """Share of the responses."""
    with_key: float
    duplicates: int
    contradicting: int
    """Questions that come with several answer keys."""
    errors: int
    """Rows that hold a failure instead of a response."""
    empty: int
    looks_like_json: int
    """Responses that begin as JSON does."""
    notes: tuple[str, ...] = ()


def preview(samples: Sequence[Sample], notes: Sequence[str] = ()) -> Preview:
    """The preview of samples."""
    made = arrange(samples)
    models: dict[str, int] = {}
    for sample in samples:
        models[sample.model] = models.get(sample.model, 0) + 1
    asked = [made.prompts[name] for name in made.prompt_of]
    keyed = [
        prompt.answer_id is not None or (not prompt.shown and sample.answer is not None)
        for prompt, sample in zip(asked, samples, strict=True)
    ]
    first = {sample.model: sample for sample in reversed(samples)}
    rows = [*reversed(first.values()), *(one for one in samples if one not in first.values())]
    return Preview(
        rows=tuple(rows[:SHOWN]),
        responses=len(samples),
        models=models,
        questions=len({prompt.question_id for prompt in asked}),
        conditions=tuple(dict.fromkeys(prompt.condition for prompt in asked)),
        with_options=sum(bool(one.options) for one in samples) / len(samples),
        with_key=sum(keyed) / len(samples),
        duplicates=made.duplicates,
        contradicting=len(made.contradicting),
        errors=sum(one.error is not None for one in samples),
        empty=sum(not one.response.strip() and one.error is None for one in samples),
        looks_like_json=sum(one.response.lstrip()[:1] in {"{", "["} for one in samples),
        notes=(*notes, *made.notes),
    )


def lines(found: Preview) -> list[str]:
    """The preview in words, a line each."""
    said: list[str] = []
    for number, row in enumerate(found.rows, start=1):
        options = "  ".join(f"({one.label}) {one.text}" for one in row.options) or "none"
        said += [
            f"row {number}  ({row.where})",
            f"  question  {_short(row.question)}",
            f"  options   {_short(options)}",
            f"  key       {row.answer or (row.asked.answer_id if row.asked else None) or 'none'}",
            f"  model     {row.model}   condition {row.condition}",
            f"  response  {_short(row.response or row.error or '(empty)')}",
        ]
    models = ", ".join(f"{name} ({count})" for name, count in list(found.models.items())[:8])
    totals: list[tuple[str, Any]] = [
        ("responses", found.responses),
        ("models", f"{len(found.models)}: {models}"),
        ("questions", found.questions),
        ("conditions", ", ".join(found.conditions)),
        ("with options", f"{100 * found.with_options:.0f} %"),
        ("with a key", f"{100 * found.with_key:.0f} %"),
        ("duplicates", found.duplicates),
        ("questions with contradicting keys", found.contradicting),
        ("failures", found.errors),
        ("empty", found.empty),
        ("responses that look like JSON", found.looks_like_json),
    ]
    said += ["totals", *(f"  {name}: {value}" for name, value in totals)]
    return [*said, *(f"  {note}" for note in found.notes)]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 76 else line[:75] + "…"
