"""What stands in the metrics.json of the runs, under the names that the page shows.

Nothing is measured here that stands there. Only what several runs amount to together, which no
run's file can hold, is worked out now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from starprobe.bench.annotations.checked import CheckedDifference, CheckedMetric, ReaderCheck
from starprobe.bench.annotations.unlike import Unlabelled
from starprobe.bench.metrics.contrasts import between_models, standings
from starprobe.bench.metrics.measure import split
from starprobe.bench.records import Comparison, Metric, NotApplicable, Standing
from starprobe.bench.results import METRICS_FORMAT, Judged, MetricsFile, ReaderRange, measure_run
from starprobe.bench.run_folder import Run
from starprobe.reports.evidence import Evidence

Named = TypeVar("Named", Metric, NotApplicable, Standing, CheckedMetric, Unlabelled, ReaderRange)
Pair = TypeVar("Pair", Comparison, CheckedDifference)


@dataclass(frozen=True)
class Results:
    """The numbers of a page."""

    metrics: tuple[Metric, ...]
    """Of the reader whose verdicts are shown, by model and condition."""
    sets: Mapping[str, tuple[Metric, ...]]
    """Question set -> its headline metrics, where there are several."""
    contrasts: tuple[Comparison, ...]
    """Each condition against its twin, each order against the first, by model."""
    models: tuple[Comparison, ...]
    """Each two models on the same questions."""
    standings: tuple[Standing, ...]
    left_out: tuple[NotApplicable, ...]
    ranges: tuple[ReaderRange, ...]
    """The headline of a model and condition under every reader, where several have read."""
    faithfulness: tuple[Metric, ...]
    judged: tuple[tuple[str, Judged], ...]
    """(folder's name, what judges made of its responses)."""
    checks: tuple[tuple[Path, ReaderCheck], ...]
    """(run folder, what labels say of the reader there)."""

    def of(self, model: str, condition: str) -> dict[str, Metric]:
        """The metrics of a model in a condition, by name."""
        return {
            one.name: one
            for one in self.metrics
            if one.model == model and one.condition == condition
        }

    def by_set(self, model: str, condition: str, name: str) -> dict[str, Metric]:
        """Question set -> this metric of it, where there are several sets."""
        return {
            probes: one
            for probes, metrics in self.sets.items()
            for one in metrics
            if (one.model, one.condition, one.name) == (model, condition, name)
        }

    def renamed(self, names: Mapping[str, str]) -> Results:
        """The same under other names of the models."""
        return replace(
            self,
            metrics=_renamed(self.metrics, names),
            sets={probes: _renamed(rows, names) for probes, rows in self.sets.items()},
            contrasts=_both(self.contrasts, names),
            models=_both(self.models, names),
            standings=_renamed(self.standings, names),
            left_out=_renamed(self.left_out, names),
            ranges=_renamed(self.ranges, names),
            faithfulness=_renamed(self.faithfulness, names),
            checks=tuple((path, _check(check, names)) for path, check in self.checks),
        )

    def checked(self, model: str, condition: str, name: str) -> CheckedMetric | None:
        """What labels have this metric at; None where nobody labelled."""
        for _, check in self.checks:
            for one in check.metrics:
                if (one.model, one.condition, one.metric) == (model, condition, name):
                    return one
        return None


def results_of(evidence: Evidence) -> Results:
    """The numbers of these runs; what is missing or out of date in a metrics.json is made first.

    Raises:
        FolderError: a metrics.json cannot be written.
    """
    files = [stored_results(run, evidence.reader) for run in evidence.runs]
    parts = [
        _shown(found, evidence.reader, _names(evidence, place)) for place, found in enumerate(files)
    ]
    runs = list(zip(evidence.runs, files, strict=True))
    judged = tuple((run.path.name, found.judged) for run, found in runs if found.judged is not None)
    checks = tuple(
        (run.path, _check(found.reader_check, _names(evidence, place), found.machines))
        for place, (run, found) in enumerate(runs)
        if found.reader_check is not None
    )
    if len(parts) == 1:
        return replace(parts[0], judged=judged, checks=checks)
    kept = split(evidence.frame)[0]
    return Results(
        metrics=tuple(row for part in parts for row in part.metrics),
        sets=_joined([part.sets for part in parts]),
        contrasts=tuple(row for part in parts for row in part.contrasts),
        models=tuple(between_models(kept)),
        standings=tuple(standings(kept)),
        left_out=tuple(row for part in parts for row in part.left_out),
        ranges=tuple(row for part in parts for row in part.ranges),
        faithfulness=tuple(row for part in parts for row in part.faithfulness),
        judged=judged,
        checks=checks,
    )


RESTS_ON = (
    "run.json",
    "prompts.jsonl",
    "responses.jsonl",
    "judgements.jsonl",
    "faithfulness.jsonl",
    "machine_labels.jsonl",
)
"""What metrics.json is made of, beside verdicts and annotations."""


def stored_results(run: Run, reader: str) -> MetricsFile:
    """What stands in a run's metrics.json; made anew where it is older than what it rests on.

    Raises:
        FolderError: it has to be made and cannot be written.
    """
    path = run.path / "metrics.json"
    sources = [run.path / name for name in RESTS_ON]
    sources += [*run.path.glob("verdicts.*.jsonl"), *run.path.glob("annotations.*.jsonl")]
    made = path.stat().st_mtime_ns if path.exists() else 0
    if all(source.stat().st_mtime_ns <= made for source in sources if source.exists()):
        with suppress(ValidationError):
            found = MetricsFile.model_validate_json(path.read_bytes())
            if found.format == METRICS_FORMAT and found.reader == reader:
                return found
    return measure_run(run.path, reader)


def _names(evidence: Evidence, run: int) -> dict[str, str]:
    """A run's name of each model -> the name shown."""
    rows = evidence.frame[evidence.frame["run"] == run].drop_duplicates("source_model")
    return dict(zip(rows["source_model"], rows["model"], strict=True))


def _shown(found: MetricsFile, reader: str, names: Mapping[str, str]) -> Results:
    return Results(
        metrics=found.readers[reader],
        sets=found.sets,
        contrasts=found.contrasts[reader],
        models=found.models,
        standings=found.standings,
        left_out=found.not_applicable,
        ranges=found.ranges,
        faithfulness=found.faithfulness,
        judged=(),
        checks=(),
    ).renamed(names)


def _check(
    found: ReaderCheck, names: Mapping[str, str], machines: Sequence[CheckedMetric] = ()
) -> ReaderCheck:
    """Under the names shown, what is checked of other machines behind what is of the reader."""
    return found.model_copy(
        update={
            "metrics": _renamed((*found.metrics, *machines), names),
            "unlabelled": _renamed(found.unlabelled, names),
            "differences": _both(found.differences, names),
        }
    )


def _joined(parts: Iterable[Mapping[str, tuple[Metric, ...]]]) -> dict[str, tuple[Metric, ...]]:
    joined: dict[str, tuple[Metric, ...]] = {}
    for part in parts:
        for probes, rows in part.items():
            joined[probes] = (*joined.get(probes, ()), *rows)
    return joined


def _renamed(rows: Sequence[Named], names: Mapping[str, str]) -> tuple[Named, ...]:
    return tuple(row.model_copy(update={"model": names.get(row.model, row.model)}) for row in rows)


def _both(rows: Sequence[Pair], names: Mapping[str, str]) -> tuple[Pair, ...]:
    return tuple(
        row.model_copy(
            update={
                "model_before": names.get(row.model_before, row.model_before),
                "model_after": names.get(row.model_after, row.model_after),
            }
        )
        for row in rows
    )
