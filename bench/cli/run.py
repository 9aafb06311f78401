"""`starprobe run`: ask models the questions of a set, read the responses, show the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = "Example: starprobe run smollm2 --conditions plain,scratchpad --limit 20 --out runs/first"


def register(app: typer.Typer) -> None:
    """Adds `run`."""
    app.command("run", epilog=EPILOG)(run)


def run(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="smollm2, hf:NAME, ...")],
    out: Annotated[Path, typer.Option(help="The run folder; the same again resumes.")],
    probes: Annotated[
        list[str], typer.Option(help="A built-in set or a JSONL file; may be given again.")
    ] = ["everyday"],  # noqa: B006 - typer reads it and nobody changes it
    conditions: Annotated[str, typer.Option(help="Ways of asking, by comma.")] = "plain",
    suite: Annotated[
        str | None,
        typer.Option(help="Ask a suite of sets and conditions instead: seed, battery, or a file."),
    ] = None,
    orders: Annotated[int, typer.Option(min=1, help="Option orders a question.")] = 1,
    shuffle: Annotated[
        int | None, typer.Option(help="Shuffle the options by this seed, not rotate them.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Responses a prompt.")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many questions of a set, drawn by the seed.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Every response's own seed is made from it.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Length of a response.")] = 512,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts together, local models.")] = 16,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at once to a server.")] = 16,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one try.")] = 120.0,
    retries: Annotated[int, typer.Option(min=0, help="More tries on passing faults.")] = 6,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Stop before the run has cost so many dollars.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    reasoning: Annotated[
        str | None, typer.Option(help="Ask a service to think: off, low, medium, high, tokens.")
    ] = None,
    max_model_len: Annotated[int, typer.Option(min=64, help="Context of vllm:, tokens.")] = 2048,
    tensor_parallel: Annotated[int, typer.Option(min=1, help="GPUs a vllm: model.")] = 1,
    classifier: Annotated[str | None, typer.Option(help="The reader; default: the best.")] = None,
) -> None:
    """Ask every model every question under every condition."""
    from rich.console import Console

    from starprobe.bench.ask import run as run_models
    from starprobe.bench.models.base import make_options
    from starprobe.bench.read import classify_run
    from starprobe.bench.readers import DEFAULT_CLASSIFIER
    from starprobe.bench.records import Sampling
    from starprobe.bench.results import measure_run
    from starprobe.bench.run_config import RunConfig, not_asked
    from starprobe.bench.tables import BRIEF, tables

    options = make_options(
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        concurrency=concurrency,
        timeout_s=timeout,
        retries=retries,
        system=system,
        reasoning=reasoning,
        max_model_len=max_model_len,
        tensor_parallel=tensor_parallel,
    )
    config = RunConfig(
        models=tuple(models),
        probes=tuple(probes),
        conditions=tuple(name.strip() for name in conditions.split(",") if name.strip()),
        suite=suite,
        orders=orders,
        shuffle=shuffle,
        repeats=repeats,
        limit=limit,
        sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed),
        options=options,
        budget=budget,
    )
    console = Console(stderr=True)
    for line in not_asked(config):
        console.print(line, highlight=False)
    folder = run_models(config, out, console)
    reader = classifier or DEFAULT_CLASSIFIER
    classify_run(folder, reader)
    shown = Console()
    for table in tables(measure_run(folder.path), BRIEF, shown.width):
        shown.print(table)
    console.print(f"The run is in {out}. To look at it: starprobe report {out}", highlight=False)
