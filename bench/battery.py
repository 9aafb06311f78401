"""The whole battery for some models: ask, read, intervene, judge, measure.

Composes the stages and does none of their work. Each stage does what is missing, so the same
command again goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starprobe.bench.models import BackendOptions, Models, name_of
from starprobe.bench.readers import DEFAULT_READER
from starprobe.bench.records import Sampling
from starprobe.bench.run_config import RunConfig, not_asked
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.run_folder import Run

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


Stage = Callable[["Run", BatteryConfig, "Console"], None]


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
    from starprobe.bench.ask import run

    asked = RunConfig(
        models=config.models, suite=config.suite, sampling=config.sampling, options=config.options
    )
    console.print(
        f"[bold]Asking[/] {', '.join(map(name_of, config.models))}: the suite {config.suite}"
    )
    for line in not_asked(asked):
        console.print(line, highlight=False)
    return run(asked, out, console)


def _read(run: Run, config: BatteryConfig, console: Console) -> None:
    from starprobe.bench.read import classify_run

    for name in READERS:
        classify_run(run, name)


def _intervene(run: Run, config: BatteryConfig, console: Console) -> None:
    from starprobe.bench.faithfulness.stage import FaithfulnessConfig, faithfulness_run
    from starprobe.bench.progress import line

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
    from starprobe.bench.judges.stage import JudgeConfig, judge_run
    from starprobe.bench.progress import line

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
    from starprobe.bench.results import measure_run

    measure_run(run.path)


STAGES: tuple[tuple[str, Stage], ...] = (
    ("Reading the responses", _read),
    ("Cutting, spoiling and swapping rationales", _intervene),
    ("Judging", _judge),
    ("Measuring", _measure),
)
