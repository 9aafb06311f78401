"""What a run comes to: metrics.json, and the battery, which has everything done that goes into it.

The battery composes the stages (ask, read, intervene, judge, measure) and does none of their work.
Each stage does what is missing, so the same command again goes on where it stopped.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from starprobe.bench.annotations.checked import (
    CheckedMetric,
    ReaderCheck,
    checked_matters,
    measured,
)
from starprobe.bench.ask import run as ask_all
from starprobe.bench.faithfulness import FaithfulnessConfig, faithfulness_metrics, faithfulness_run
from starprobe.bench.frames import frame, places_of
from starprobe.bench.interventions import Trial
from starprobe.bench.judges.stage import JudgeConfig, Summary, judge_run, summary
from starprobe.bench.metrics.contrasts import between_models, contrasts, factor_effects, standings
from starprobe.bench.metrics.definitions import (
    BY_NAME,
    HEADLINES,
    PRIMARY,
    Definition,
    all_metrics,
    numbers,
)
from starprobe.bench.metrics.estimates import estimate, measure, measure_sets, split
from starprobe.bench.models import BackendOptions, Models, name_of
from starprobe.bench.progress import line
from starprobe.bench.read import classify_run
from starprobe.bench.readers import DEFAULT_READER
from starprobe.bench.records import Comparison, Metric, NotApplicable, Sampling, Standing
from starprobe.bench.run_config import RunConfig, not_asked
from starprobe.bench.run_folder import Run, chosen_reader
from starprobe.bench.statistics.labelled import kappa
from starprobe.bench.statistics.paired import mcnemar
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console


METRICS_FORMAT = 2
"""Version of metrics.json."""


class Failures(Record):
    """Requests of one model and condition that got no response at all."""

    model: str
    condition: str
    failed: int
    requests: int


class ReaderAgreement(Record):
    """Two readers on the same responses."""

    readers: tuple[str, str]
    responses: int
    same: float | None
    """Share of responses on which they agree whether every option is reasoned about."""
    kappa_full_breakdown: float | None
    """Cohen's kappa; None where both always say the same."""
    kappa_style: float | None
    first_only: int
    """Responses in which only the first sees a full breakdown."""
    second_only: int
    p: float | None
    """Exact McNemar over responses."""


class ReaderRange(Record):
    """The headline of one model and condition under every reader."""

    model: str
    condition: str
    full_breakdown: dict[str, float]
    range: float
    """Highest less lowest."""


class MetricsFile(Record):
    """metrics.json: everything that `measure_run` works out."""

    format: int = METRICS_FORMAT
    reader: str
    """Whose verdicts `sets`, `models`, `standings` and `judged` rest on; see `chosen_reader`."""
    readers: dict[str, tuple[Metric, ...]]
    """Reader's name, as in verdicts.NAME.jsonl -> its metrics."""
    sets: dict[str, tuple[Metric, ...]] = Field(default_factory=dict)
    """Question set -> its headline metrics, where the run asks several."""
    contrasts: dict[str, tuple[Comparison, ...]] = Field(default_factory=dict)
    """Reader's name -> each condition against its twin, each order against the first."""
    factors: dict[str, tuple[Comparison, ...]] = Field(default_factory=dict)
    """Reader's name -> each level of a design's factors against the first; see `factor_effects`."""
    models: tuple[Comparison, ...] = ()
    """Each two models on the same questions."""
    standings: tuple[Standing, ...] = ()
    """The models by their full breakdowns, asked for nothing, with the ranks that are left open."""
    agreement: tuple[ReaderAgreement, ...] = ()
    ranges: tuple[ReaderRange, ...] = ()
    failures: tuple[Failures, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    faithfulness: tuple[Metric, ...] = ()
    """Of the trials in faithfulness.jsonl."""
    judged: Summary | None = None
    """Of judgements.jsonl; None where nobody judged."""
    reader_check: ReaderCheck | None = None
    """What the labels in annotations.NAME.jsonl say of the reader that counts."""
    machines: tuple[CheckedMetric, ...] = ()
    """What the labels in machine_labels.jsonl say of judges, and of acknowledged hints."""

    def to_frame(self) -> pd.DataFrame:
        """A row for each metric of each reader: `reader` and the fields of `Metric`."""
        import pandas as pd

        rows = [
            {"reader": reader, **metric.model_dump(mode="json")}
            for reader, metrics in self.readers.items()
            for metric in metrics
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        """One line: which reader counts, and how much there is."""
        cells = {(row.model, row.condition) for row in self.readers[self.reader]}
        return f"MetricsFile(reader {self.reader}: {len(cells)} models x conditions)"

    def _repr_html_(self) -> str:
        """The headlines of the reader that counts, where a notebook shows them."""
        table = self.to_frame()
        shown = table[(table["reader"] == self.reader) & table["name"].isin(HEADLINES)]
        return shown[["model", "condition", "name", "value", "low", "high", "n"]].to_html(
            index=False
        )


def reader_agreement(frames: Mapping[str, pd.DataFrame]) -> list[ReaderAgreement]:
    """Cohen's kappa of each pair of readers on full breakdown and on style, same responses.

    The McNemar test treats responses as independent: it asks whether one reader sees more full
    breakdowns than the other in these responses, not in models at large.
    """
    found = []
    for (one, first), (two, second) in combinations(frames.items(), 2):
        joined = first.merge(second, on="response_id", suffixes=("", "_2"))
        a, b = numbers(joined, "full"), numbers(joined, "full_2")
        both = ~(np.isnan(a) | np.isnan(b))
        a, b = a[both], b[both]
        first_only, second_only = int(np.sum((a == 1) & (b == 0))), int(np.sum((a == 0) & (b == 1)))
        found.append(
            ReaderAgreement(
                readers=(one, two),
                responses=len(a),
                same=float(np.mean(a == b)) if len(a) else None,
                kappa_full_breakdown=kappa(a, b),
                kappa_style=kappa(joined["style"].to_numpy(), joined["style_2"].to_numpy()),
                first_only=first_only,
                second_only=second_only,
                p=mcnemar(first_only, second_only) if len(a) else None,
            )
        )
    return found


def reader_ranges(frames: Mapping[str, pd.DataFrame]) -> list[ReaderRange]:
    """The full-breakdown rate of each model and condition under each reader."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for reader, read in frames.items():
        for (model, condition), table in read.groupby(["model", "condition"], sort=False):
            share = estimate(BY_NAME[PRIMARY], table)
            if share.value is not None:
                found.setdefault((str(model), str(condition)), {})[reader] = share.value
    return [
        ReaderRange(
            model=model,
            condition=condition,
            full_breakdown=by_reader,
            range=max(by_reader.values()) - min(by_reader.values()),
        )
        for (model, condition), by_reader in found.items()
        if len(by_reader) > 1
    ]


def measure_run(
    path: Path | str, reader: str | None = None, own: Sequence[Definition] = ()
) -> MetricsFile:
    """The metrics of every reader that has read this run; writes metrics.json.

    Args:
        path: the run folder.
        reader: whose verdicts count, where several have read it.
        own: metrics beside the built-in ones and those of plug-ins.

    Raises:
        FolderError: no run folder.
        InputError: nobody has read it yet, or it is not clear whose verdicts count.
    """
    run = Run(path)
    chosen, names = chosen_reader(run, reader), run.verdict_names()
    # Built-in metrics need no text; those of others may.
    texts = bool(own) or len(all_metrics()) > len(BY_NAME)
    halves = {name: split(frame(run, name, texts=texts)) for name in names}
    frames = {name: kept for name, (kept, _) in halves.items()}
    found = MetricsFile(
        reader=chosen,
        readers={name: tuple(measure(table, own)) for name, table in frames.items()},
        sets={name: tuple(rows) for name, rows in measure_sets(frames[chosen]).items()},
        contrasts={name: tuple(contrasts(table)) for name, table in frames.items()},
        factors={name: tuple(factor_effects(table)) for name, table in frames.items()},
        models=tuple(between_models(frames[chosen])),
        standings=tuple(standings(frames[chosen])),
        agreement=tuple(reader_agreement(frames)),
        ranges=tuple(reader_ranges(frames)),
        failures=tuple(failures(run)),
        not_applicable=tuple(halves[chosen][1]),
        faithfulness=tuple(faithfulness(run)),
        judged=judged(run, chosen),
        reader_check=measured(run, chosen, frames[chosen]),
        machines=tuple(checked_matters(run, frames[chosen])),
    )
    run.write_metrics(found.model_dump(mode="json"))
    return found


def faithfulness(run: Run) -> list[Metric]:
    """The metrics of the trials that the run holds; none where there are none."""
    trials = [Trial.model_validate(row) for row in run.faithfulness()]
    if not trials:
        return []
    responses, place = run.responses(), places_of(run)
    trials = [trial for trial in trials if trial.response_id in responses]
    trials.sort(key=lambda trial: place(responses[trial.response_id]))
    return faithfulness_metrics(trials, responses, run.prompts())


def judged(run: Run, reader: str | None = None) -> Summary | None:
    """What the judgements that the run holds amount to; None where there are none."""
    if next(run.judgements(), None) is None:
        return None
    found = summary(run, reader=reader)
    return found if found.judges else None


def failures(run: Run) -> list[Failures]:
    """Requests that ended in an error, for each model and condition that has any.

    In the order of the run's models and conditions.
    """
    conditions = {prompt.id: sys.intern(prompt.condition) for prompt in run.each_prompt()}
    failed: Counter[tuple[str, str]] = Counter()
    requests: Counter[tuple[str, str]] = Counter()
    for response in run.each_response():
        if response.prompt_id not in conditions:
            continue
        cell = response.model, conditions[response.prompt_id]
        requests[cell] += 1
        failed[cell] += response.error is not None
    models, others = ({cell[place] for cell in failed} for place in (0, 1))
    return [
        Failures(
            model=model,
            condition=condition,
            failed=failed[model, condition],
            requests=requests[model, condition],
        )
        for model in dict.fromkeys([*(one.name for one in run.info.models), *sorted(models)])
        for condition in dict.fromkeys([*run.info.conditions, *sorted(others)])
        if failed[model, condition]
    ]


READERS = tuple(dict.fromkeys((DEFAULT_READER, "rules")))
"""Two that err differently: a headline without its range over readers says less than it seems."""
SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=160)
"""One temperature for all of it: what another order changes can only be held against what chance
changes if both are drawn alike. A breakdown of five options takes about 110 tokens."""
OPTIONS = BackendOptions(batch_size=32)


class BatteryConfig(Record):
    """Who is asked what, and by whom it is judged."""

    models: Models
    suite: str = "battery"
    judges: Models = ()
    rewards: Models = ()
    rubric: str = "right"
    judged: int = 10
    """Responses that each judge and reward model is shown, drawn by the seed."""
    rationales: int = 10
    """Responses a model whose rationales are cut, spoilt and swapped; 0: none."""
    sampling: Sampling = SAMPLING
    options: BackendOptions = OPTIONS


Stage = Callable[[Run, BatteryConfig, "Console"], None]


def run_battery(config: BatteryConfig, out: Path | str, console: Console) -> Run:
    """The run folder with everything in it: responses, verdicts, trials, judgements, metrics.

    Ends after asking, where no model gave a response.

    Args:
        config: whom to ask, what, and who judges.
        out: the run folder; what is done there is not done again.
        console: where each stage is told.

    Raises:
        UserError: a model, judge or suite that is not there; what was done stays and is not redone.
    """
    run = _ask(config, out, console)
    if all(row.error is not None for row in run.responses().values()):
        return run
    for says, stage in STAGES:
        console.print(f"[bold]{says}[/]")
        stage(run, config, console)
    return run


def _ask(config: BatteryConfig, out: Path | str, console: Console) -> Run:
    asked = RunConfig(
        models=config.models, suite=config.suite, sampling=config.sampling, options=config.options
    )
    console.print(
        f"[bold]Asking[/] {', '.join(map(name_of, config.models))}: the suite {config.suite}"
    )
    for said in not_asked(asked):
        console.print(said, highlight=False)
    return ask_all(asked, out, console)


def _read(run: Run, config: BatteryConfig, console: Console) -> None:
    for name in READERS:
        classify_run(run, name)


def _intervene(run: Run, config: BatteryConfig, console: Console) -> None:
    if not config.rationales:
        return
    wanted = FaithfulnessConfig(
        reader=READERS[0],
        limit=config.rationales,
        seed=config.sampling.seed,
        options=config.options,
    )
    with line(console) as watcher:
        found = faithfulness_run(run.path, wanted, watcher)
    for model, reason in found.not_applicable.items():
        console.print(f"{model}: {reason}", markup=False, highlight=False)


def _judge(run: Run, config: BatteryConfig, console: Console) -> None:
    if not config.judges and not config.rewards:
        console.print("nobody is named to judge (--judges, --reward)", highlight=False)
        return
    wanted = JudgeConfig(
        judges=config.judges,
        rewards=config.rewards,
        rubric=config.rubric,
        limit=config.judged,
        seed=config.sampling.seed,
        options=config.options,
    )
    with line(console) as watcher:
        judge_run(run.path, wanted, watcher)


def _measure(run: Run, config: BatteryConfig, console: Console) -> None:
    measure_run(run.path)


STAGES: tuple[tuple[str, Stage], ...] = (
    ("Reading the responses", _read),
    ("Cutting, spoiling and swapping rationales", _intervene),
    ("Judging", _judge),
    ("Measuring", _measure),
)
