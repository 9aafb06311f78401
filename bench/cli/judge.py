"""`starprobe judge DIR`: a panel of judge models, or reward models, over a run's responses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = (
    "Examples: starprobe judge runs/demo --judges openai:gpt-4o,ollama:gemma2 | "
    "starprobe judge runs/demo --reward hf:Skywork/Skywork-Reward-V2-Qwen3-0.6B"
)


def register(app: typer.Typer) -> None:
    """Adds `judge`."""
    app.command("judge", epilog=EPILOG)(judge)


def judge(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    judges: Annotated[str, typer.Option(help="Judge models, by comma.")] = "",
    reward: Annotated[str, typer.Option(help="Reward models, by comma.")] = "",
    rubric: Annotated[
        str, typer.Option(help="right, solved (no options), breakdown, or better (pairs).")
    ] = "right",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many, drawn by seed.")] = None,
    seed: Annotated[int, typer.Option(help="For --limit.")] = 0,
    count_self: Annotated[
        bool, typer.Option(help="Count a judge's votes on its own responses.")
    ] = True,
    batch_size: Annotated[int, typer.Option(min=1, help="Together, local models.")] = 16,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "auto",
) -> None:
    """Have responses judged by other models; appends to DIR/judgements.jsonl and resumes."""
    from rich.console import Console

    from starprobe.bench.judges.stage import JudgeConfig, judge_run
    from starprobe.bench.models.base import BackendOptions
    from starprobe.bench.progress import line
    from starprobe.bench.tables import judge_tables

    config = JudgeConfig(
        judges=_names(judges),
        rewards=_names(reward),
        rubric=rubric,
        limit=limit,
        seed=seed,
        count_self=count_self,
        options=BackendOptions(batch_size=batch_size, device=device),
    )
    with line() as watcher:
        found = judge_run(folder, config, watcher)
    console = Console()
    for table in judge_tables(found):
        console.print(table)
    for count in found.judges:
        if count.first_error is not None:
            said = f"{count.judge}: {count.failed} failed: {count.first_error}"
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    if found.judges and all(count.failed == count.asked for count in found.judges):
        raise typer.Exit(1)


def _names(said: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in said.split(",") if name.strip())
