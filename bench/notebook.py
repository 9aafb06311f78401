"""A run as a small table for notebooks."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starprobe.bench.storage import Run


def run_html(run: Run) -> str:
    """Models down, conditions across, responses in the cells; failures beside them."""
    prompts = run.prompts()
    answered: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for row in run.responses().values():
        counted = answered if row.error is None else failed
        counted[row.model, prompts[row.prompt_id].condition] += 1
    info = run.info
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *info.conditions))
    body = ""
    for model in info.models:
        keys = [(model.name, condition) for condition in info.conditions]
        cells = "".join(
            f"<td>{answered[key]}" + (f" ({failed[key]} failed)" if failed[key] else "") + "</td>"
            for key in keys
        )
        body += f"<tr><th>{escape(model.name)}</th>{cells}</tr>"
    readers = ", ".join(run.verdict_names()) or "no reader yet"
    caption = (
        f"{info.probe_set}: {info.questions} questions, read by {readers}; responses in {run.path}"
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"
