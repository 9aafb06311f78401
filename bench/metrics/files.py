"""A run folder in, metrics.json out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from starprobe.bench.metrics.applicable import split
from starprobe.bench.metrics.corrected import ReaderError
from starprobe.bench.metrics.frames import frame
from starprobe.bench.metrics.gaps import contrasts
from starprobe.bench.metrics.measuring import measure
from starprobe.bench.metrics.readers import reader_agreement, reader_ranges
from starprobe.bench.metrics.records import Failures, Judged, MetricsFile
from starprobe.bench.readers.correction import error_counts
from starprobe.bench.records import Metric
from starprobe.bench.storage import Run
from starprobe.probes.errors import InputError


def measure_run(path: Path | str) -> MetricsFile:
    """The metrics of every reader that has read this run; writes metrics.json.

    Raises:
        FolderError: no run folder.
        InputError: nobody has read it yet.
    """
    run = Run(path)
    names = run.verdict_names()
    if not names:
        raise InputError(f"{run.path} has no verdicts yet; run: starprobe classify {run.path}")
    halves = {name: split(frame(run, name)) for name in names}
    frames = {name: kept for name, (kept, _) in halves.items()}
    found = MetricsFile(
        readers={name: tuple(measure(table, reader_error(name))) for name, table in frames.items()},
        contrasts={name: tuple(contrasts(table)) for name, table in frames.items()},
        agreement=tuple(reader_agreement(frames)),
        ranges=tuple(reader_ranges(frames)),
        failures=tuple(failures(run)),
        not_applicable=tuple(halves[names[0]][1]),
        faithfulness=tuple(faithfulness(run)),
        judged=judged(run),
    )
    run.write_metrics(found.model_dump(mode="json"))
    return found


def faithfulness(run: Run) -> list[Metric]:
    """The metrics of the trials that the run holds; none where there are none."""
    from starprobe.bench.faithfulness.measure import faithfulness_metrics
    from starprobe.bench.faithfulness.trials import Trial

    trials = [Trial.model_validate(row) for row in run.faithfulness()]
    return faithfulness_metrics(trials, run.responses(), run.prompts()) if trials else []


def judged(run: Run) -> Judged | None:
    """What the judgements that the run holds amount to; None where there are none."""
    # Not at the head: the summary of judgements is made of metrics, and would import this package.
    from starprobe.bench.judges.stage import summary

    found = summary(run)
    if not found.judges:
        return None
    return Judged(
        judges=found.judges,
        agreement=found.agreement,
        metrics=found.metrics,
        rewards=found.rewards,
    )


def reader_error(name: str) -> ReaderError | None:
    """How this reader did on labelled texts it was not fitted on; None where nobody counted."""
    counts = error_counts(name)
    return None if counts is None else ReaderError(**counts._asdict())


def failures(run: Run) -> list[Failures]:
    """Requests that ended in an error, for each model and condition that has any."""
    prompts = run.prompts()
    failed: Counter[tuple[str, str]] = Counter()
    requests: Counter[tuple[str, str]] = Counter()
    for response in run.responses().values():
        if response.prompt_id not in prompts:
            continue
        cell = response.model, prompts[response.prompt_id].condition
        requests[cell] += 1
        failed[cell] += response.error is not None
    return [
        Failures(model=model, condition=condition, failed=count, requests=requests[cell])
        for cell, count in failed.items()
        if count
        for model, condition in (cell,)
    ]
