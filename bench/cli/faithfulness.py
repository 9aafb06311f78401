"""`starprobe faithfulness DIR`: does the answer follow from the rationale?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = "Example: starprobe faithfulness runs/demo --model smollm2 --limit 20"


def register(app: typer.Typer) -> None:
    """Adds `faithfulness`."""
    app.command("faithfulness", epilog=EPILOG)(faithfulness)


def faithfulness(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder that has been read.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model of the run; may be given again.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Responses a model.")] = None,
    seed: Annotated[int, typer.Option(help="For --limit.")] = 0,
    reader: Annotated[
        str | None, typer.Option(help="Whose verdicts say what was answered.")
    ] = None,
    plain_text: Annotated[
        bool, typer.Option("--plain-text", help="A base model behind a server.")
    ] = False,
    mistakes: Annotated[bool, typer.Option(help="The test that has the model write.")] = True,
    batch_size: Annotated[int, typer.Option(min=1, help="Together, local models.")] = 16,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "auto",
) -> None:
    """Cut, spoil and swap rationales, and see whether the answer follows (Lanham et al. 2023)."""
    from rich.console import Console

    from starprobe.bench.faithfulness.stage import FaithfulnessConfig, faithfulness_run
    from starprobe.bench.models.base import BackendOptions
    from starprobe.bench.progress import line
    from starprobe.bench.tables import metric_tables

    config = FaithfulnessConfig(
        models=tuple(model or ()),
        reader=reader,
        limit=limit,
        seed=seed,
        plain_text=plain_text,
        mistakes=mistakes,
        options=BackendOptions(batch_size=batch_size, device=device),
    )
    with line() as watcher:
        found = faithfulness_run(folder, config, watcher)
    console = Console()
    for table in metric_tables(found.metrics, width=console.width):
        console.print(table)
    for name, reason in found.not_applicable.items():
        console.print(f"{name}: {reason}", markup=False, highlight=False, soft_wrap=True)
