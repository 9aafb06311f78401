"""`starprobe tasks export`: the probe sets as tasks of the lm-evaluation-harness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from starprobe.bench.cli.common import Reader, names

EPILOG = "Example: starprobe tasks export lm-eval-tasks --probes everyday,science --repeats 3"


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="The lm-evaluation-harness, the other way.", no_args_is_help=True)
    group.callback()(_group)
    group.command("export", epilog=EPILOG)(export)
    app.add_typer(group, name="tasks")


def _group() -> None:
    """The probe sets as tasks of the lm-evaluation-harness."""


def export(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
    probes: Annotated[str, typer.Option(help="Sets or JSONL files, by comma.")] = "everyday",
    conditions: Annotated[str, typer.Option(help="Ways of asking, by comma.")] = "plain",
    orders: Annotated[int, typer.Option(min=1, help="Option orders a question.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Responses a prompt.")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many questions of a set.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Length of a response.")] = 512,
    reader: Reader = None,
) -> None:
    """Write a folder that plain `lm_eval run --include_path DIR` runs, scored by our reader.

    The prompts are those of `starprobe run`, with and without a chat template. No network is
    needed; starprobe must be installed beside lm_eval.
    """
    from rich.console import Console

    from starprobe.bench.lm_eval_tasks import GROUP, ExportConfig, export_tasks
    from starprobe.bench.readers import DEFAULT_READER
    from starprobe.bench.records import Sampling

    config = ExportConfig(
        probes=names(probes),
        conditions=names(conditions),
        orders=orders,
        repeats=repeats,
        limit=limit,
        sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens),
        reader=reader or DEFAULT_READER,
    )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for name in export_tasks(out, config):
        console.print(name, markup=False)
    console.print(
        f"Run them: lm_eval run --model hf --model_args pretrained=MODEL --tasks {GROUP} "
        f"--include_path {out} --apply_chat_template --log_samples --output_path results",
        markup=False,
    )
