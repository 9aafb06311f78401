"""`starprobe run`: ask models the questions of a set, read the responses, show the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starprobe.bench.cli.common import (
    AnyFailure,
    BaseModel,
    BatchSize,
    Body,
    Concurrency,
    Conditions,
    Device,
    Dtype,
    Header,
    MaxTokens,
    Models,
    Reader,
    Retries,
    Seed,
    ShardOf,
    Suite,
    Temperature,
    Timeout,
    complete,
    known_sets,
    names,
    run_endings,
    say_endings,
)
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.run_config import RunConfig

EPILOG = "Example: starprobe run smollm2 --conditions plain,scratchpad --limit 20 --out runs/first"


def register(app: typer.Typer) -> None:
    """Adds `run`."""
    app.command("run", epilog=EPILOG)(run)


def run(
    models: Models,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run folder; the same again resumes, more questions, models, ... widen it."
        ),
    ] = None,
    probes: Annotated[
        list[str],
        typer.Option(
            help="A built-in set or a file of questions; may be given again.",
            autocompletion=complete(known_sets),
        ),
    ] = ["everyday"],  # noqa: B006 - typer reads it and nobody changes it
    conditions: Conditions = "plain",
    suite: Suite = None,
    orders: Annotated[int, typer.Option(min=1, help="Option orders a question.")] = 1,
    shuffle: Annotated[
        int | None, typer.Option(help="Shuffle the options by this seed, not rotate them.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Responses a prompt.")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many questions of a set, of every topic.")
    ] = None,
    seed: Seed = 0,
    temperature: Temperature = 0.0,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Nucleus sampling.")] = 1.0,
    max_tokens: MaxTokens = 512,
    batch_size: BatchSize = 16,
    device: Device = "auto",
    dtype: Dtype = "auto",
    base_model: BaseModel = None,
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    retries: Retries = 6,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Stop before the run has cost so many dollars.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    reasoning: Annotated[
        str | None, typer.Option(help="Ask a service to think: off, low, medium, high, tokens.")
    ] = None,
    price: Annotated[
        str | None, typer.Option(metavar="IN,OUT", help="Dollars a million tokens, if unknown.")
    ] = None,
    header: Header = None,
    body: Body = None,
    max_model_len: Annotated[int, typer.Option(min=64, help="Context of vllm:, tokens.")] = 4096,
    tensor_parallel: Annotated[int, typer.Option(min=1, help="GPUs a vllm: model.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes a local model, one a GPU.")] = 1,
    reader: Reader = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and what it costs, and stop.")
    ] = False,
    cache: Annotated[
        bool, typer.Option(help="Take what another run has paid for from there.")
    ] = True,
    shard: ShardOf = None,
    fail_on_any: AnyFailure = False,
) -> None:
    """Ask every model every question under every condition."""
    from rich.console import Console

    from starprobe.bench.models.base import body_of, headers_of, make_options, price_of
    from starprobe.bench.records import Sampling
    from starprobe.bench.run_config import RunConfig

    options = make_options(
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        base_model=base_model,
        concurrency=concurrency,
        timeout_s=timeout,
        retries=retries,
        system=system,
        reasoning=reasoning,
        max_model_len=max_model_len,
        tensor_parallel=tensor_parallel,
        workers=workers,
        headers=headers_of(header or ()),
        body=body_of(body or ()),
        price=price_of(price) if price else None,
    )
    config = RunConfig(
        models=tuple(models),
        probes=tuple(probes),
        conditions=names(conditions),
        suite=suite,
        orders=orders,
        shuffle=shuffle,
        repeats=repeats,
        limit=limit,
        sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed),
        options=options,
        budget=budget,
        cache=cache,
        shard=shard,
    )
    if dry_run:
        return _say_plan(config, Console(highlight=False, soft_wrap=True))
    if out is None:
        raise InputError("run needs --out DIR, the folder that the responses go into")
    return _run(config, out, reader, fail_on_any)


def _run(config: RunConfig, out: Path, reader: str | None, any_failure: bool) -> None:
    from rich.console import Console

    from starprobe.bench.ask import run as ask
    from starprobe.bench.read import classify_run
    from starprobe.bench.readers import DEFAULT_READER
    from starprobe.bench.results import measure_run
    from starprobe.bench.run_config import design_lines, not_asked
    from starprobe.bench.shards import finish, parse_shard
    from starprobe.bench.tables import headline

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in [*not_asked(config), *design_lines(config)]:
        console.print(line, markup=False)
    shard = parse_shard(config.shard)
    out = out / shard.name if shard else out
    folder = ask(config, out, console)
    found = run_endings(folder)
    if any(one.answered for one in found):
        name = reader or DEFAULT_READER
        classify_run(folder, name)
        shown = Console()
        shown.print(headline(measure_run(folder.path, name), shown.width))
    failed = say_endings(found, console, any_failure)
    if shard and not failed:
        finish(out, shard, f"questions {folder.info.probe_hash}")
    if any(one.answered for one in found):
        console.print(
            f"The run is in {out}. Its numbers: starprobe metrics {out}; as a page: "
            f"starprobe report {out}",
            markup=False,
        )
    else:
        console.print("There is no response to read.", markup=False)
    if failed or not any(one.answered for one in found):
        raise typer.Exit(1)


def _say_plan(config: RunConfig, console: Console) -> None:
    """Requests, tokens and dollars for each model, and one prompt."""
    from starprobe.bench.run_config import design_lines, estimates, not_asked, render_probes

    questions, prompts = render_probes(config)
    for line in [*not_asked(config), *design_lines(config)]:
        console.print(line, markup=False)
    console.print(
        f"{questions.name}: {len(questions.questions)} questions, {len(prompts)} prompts",
        markup=False,
    )
    for one in estimates(config, prompts):
        cost = f"at most ${one.dollars:.2f}" if one.dollars is not None else one.free
        console.print(
            f"{one.model}: {one.requests:,} requests, about {one.tokens_in:,} tokens in (four "
            f"characters each), at most {one.tokens_out:,} out; {cost}",
            markup=False,
        )
    console.print(f"\nThe first prompt, {prompts[0].id}:", markup=False)
    for turn in prompts[0].messages:
        console.print(f"[{turn.role}]\n{turn.content}", markup=False)
