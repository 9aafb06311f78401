"""Some weights on the validation questions: asked plainly, read, and counted."""

from __future__ import annotations

from pathlib import Path

from starprobe.star.filters import decide
from starprobe.star.measure import answered_numbers
from starprobe.star.phases import Phases
from starprobe.star.prompts import ask_validation
from starprobe.star.sampling import generate_missing
from starprobe.star.storage import Iteration
from starprobe.star.work import Work


def validate(
    work: Work, iteration: Iteration, weights: Path | None, phases: Phases
) -> dict[str, object]:
    """The validation numbers of some weights; empty where no question is held out."""
    held = work.splits.validation
    if not held:
        return {}
    if not iteration.has("validation.jsonl"):
        asked = [
            ask_validation(work.questions[name], work.config, index)
            for index, name in enumerate(held)
        ]
        with phases.timed("validating") as count:
            backend = work.models.get(weights)
            rows = generate_missing(iteration, "validation", asked, backend, work.watcher)
            count(rows)
        samples = [decide(one, ()) for one in work.reads(rows)]
        iteration.write("validation.jsonl", samples)
    return answered_numbers(iteration.validation(), work.questions)
