"""`starprobe judge` and `starprobe faithfulness`: judge models, and rationales tampered with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from starprobe.bench.cli.common import (
    AnyFailure,
    BatchSize,
    Body,
    Concurrency,
    Device,
    Header,
    Reader,
    Retries,
    Seed,
    Timeout,
    endings,
    names,
    options_of,
    say_endings,
)

JUDGE_EXAMPLES = (
    "Examples: starprobe judge runs/demo --judges openai:gpt-4o,ollama:gemma2 | "
    "starprobe judge runs/demo --reward hf:Skywork/Skywork-Reward-V2-Qwen3-0.6B"
)
FAITHFULNESS_EXAMPLE = "Example: starprobe faithfulness runs/demo --model smollm2 --limit 20"


def register(app: typer.Typer) -> None:
    """Adds both."""
    app.command("judge", epilog=JUDGE_EXAMPLES)(judge)
    app.command("faithfulness", epilog=FAITHFULNESS_EXAMPLE)(faithfulness)


def judge(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    judges: Annotated[str, typer.Option(help="Judge models, by comma.")] = "",
    reward: Annotated[str, typer.Option(help="Reward models, by comma.")] = "",
    rubric: Annotated[
        str, typer.Option(help="right, solved (no options), open, breakdown, or better (pairs).")
    ] = "right",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many, drawn by seed.")] = None,
    seed: Seed = 0,
    count_self: Annotated[
        bool, typer.Option(help="Count a judge's votes on its own responses.")
    ] = True,
    batch_size: BatchSize = 16,
    device: Device = "auto",
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    retries: Retries = 6,
    header: Header = None,
    body: Body = None,
    fail_on_any: AnyFailure = False,
) -> None:
    """Have responses judged by other models; appends to DIR/judgements.jsonl and resumes."""
    from rich.console import Console

    from starprobe.bench.judges.stage import JudgeConfig, judge_run
    from starprobe.bench.judges.votes import read_judgements
    from starprobe.bench.progress import line
    from starprobe.bench.run_folder import Run
    from starprobe.bench.tables import judge_tables

    options = options_of(
        batch_size=batch_size, device=device, concurrency=concurrency, timeout_s=timeout,
        retries=retries, header=header, body=body,
    )  # fmt: skip
    config = JudgeConfig(
        judges=names(judges),
        rewards=names(reward),
        rubric=rubric,
        limit=limit,
        seed=seed,
        count_self=count_self,
        options=options,
    )
    with line() as watcher:
        found = judge_run(folder, config, watcher)
    console = Console()
    for table in judge_tables(found):
        console.print(table)
    made = read_judgements(Run(folder).judgements()).values()
    if say_endings(endings((one.judge, one) for one in made), console, fail_on_any):
        raise typer.Exit(1)


def faithfulness(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder that has been read.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model of the run; may be given again.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Responses a model.")] = None,
    seed: Seed = 0,
    reader: Reader = None,
    plain_text: Annotated[
        bool, typer.Option("--plain-text", help="A base model behind a server.")
    ] = False,
    mistakes: Annotated[bool, typer.Option(help="Mistakes: the model goes on from them.")] = True,
    paraphrases: Annotated[
        bool, typer.Option(help="Rationales in other words: the model writes them.")
    ] = True,
    batch_size: BatchSize = 16,
    device: Device = "auto",
    header: Header = None,
    body: Body = None,
) -> None:
    """Cut, spoil and swap rationales, and see whether the answer follows (Lanham et al. 2023)."""
    from rich.console import Console

    from starprobe.bench.faithfulness.stage import FaithfulnessConfig, faithfulness_run
    from starprobe.bench.progress import line
    from starprobe.bench.tables import metric_tables

    config = FaithfulnessConfig(
        models=tuple(model or ()),
        reader=reader,
        limit=limit,
        seed=seed,
        plain_text=plain_text,
        mistakes=mistakes,
        paraphrases=paraphrases,
        options=options_of(
            batch_size=batch_size,
            device=device,
            header=header,
            body=body,
        ),
    )
    with line() as watcher:
        found = faithfulness_run(folder, config, watcher)
    console = Console()
    for table in metric_tables(found.metrics, width=console.width):
        console.print(table)
    for name, reason in found.not_applicable.items():
        console.print(f"{name}: {reason}", markup=False, highlight=False, soft_wrap=True)
    if found.not_applicable and not found.metrics:
        raise typer.Exit(1)
