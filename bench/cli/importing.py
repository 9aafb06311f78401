"""What others have asked, or are to ask: `import`, `prompts export` and `tasks export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from starprobe.bench.cli import (
    Conditions,
    Limit,
    MaxTokens,
    Orders,
    Probes,
    Reader,
    Repeats,
    Shuffle,
    Temperature,
    TopP,
    names,
)

EPILOG = (
    "Example: starprobe import answers.csv --map response=generated --out runs/theirs. All "
    "formats, a command each: docs/importing.md"
)
EXPORT_EPILOG = (
    "Example: starprobe prompts export --probes everyday --conditions plain,hinted --format "
    "openai-batch --model gpt-4o-mini -o batch.jsonl"
)
TASKS_EPILOG = "Example: starprobe tasks export lm-eval-tasks --probes everyday,science --repeats 3"


def register(app: typer.Typer) -> None:
    """Adds all three."""
    app.command("import", epilog=EPILOG)(import_)
    _add(app, "prompts", "The prompts, for others to ask.", EXPORT_EPILOG, export)
    harness = "The lm-evaluation-harness, the other way."
    _add(app, "tasks", harness, TASKS_EPILOG, export_as_tasks)


def _add(app: typer.Typer, name: str, says: str, example: str, export: Callable[..., None]) -> None:
    """A group of one command, `export`."""
    group = typer.Typer(help=says, no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("export", epilog=example)(export)
    app.add_typer(group, name=name, help=says)


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files or folders of outputs; - is stdin."),
    ],
    out: Annotated[Path | None, typer.Option(help="The run folder to make or to add to.")] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Which field is which: a name, a path such as body.choices.0.text, or columns.",
        ),
    ] = None,
    questions: Annotated[
        str | None,
        typer.Option(metavar="SET|FILE", help="The questions, where outputs come without."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model, where the file names none.")] = None,
    condition: Annotated[
        str | None, typer.Option(help="The way of asking, where you know it: plain, ...")
    ] = None,
    json_responses: Annotated[
        bool, typer.Option("--json-responses", help="Models answered in JSON; take it as it is.")
    ] = False,
    importer: Annotated[
        str | None, typer.Option(metavar="MODULE:NAME", help="One's own code that reads the rows.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show three rows and totals; write nothing.")
    ] = False,
) -> None:
    """Make a run folder of outputs that were collected elsewhere, or add them to one.

    What a file is is told by what stands in it: batch outputs and logs of chat APIs, conversations,
    exports of ChatGPT and Claude.ai, lm-eval, inspect_ai, promptfoo, tables with a row a response
    or a column a model, text files. Fields of tables: response, question, options, answer, model,
    prompt, condition, repeat, reasoning, finish_reason, id, question_id, error.
    """
    from starprobe.bench.importers import Options, import_outputs, preview_outputs
    from starprobe.probes.errors import InputError

    pairs = dict[str, str]()
    for given in mapping or []:
        ours, equals, theirs = given.partition("=")
        if not equals:
            raise InputError(f"--map {given}: write OURS=THEIRS, as in response=generated_text")
        ours = ours.strip()
        pairs[ours] = f"{pairs[ours]},{theirs}" if ours in pairs else theirs
    options: Options = {
        "mapping": pairs, "model": model, "condition": condition, "questions": questions,
        "as_json": json_responses, "importer": importer,
    }  # fmt: skip
    if dry_run:
        for line in preview_outputs(paths, **options).lines():
            print(line)
        return
    if out is None:
        raise InputError("name the run folder: --out DIR, or look first: --dry-run")
    made = import_outputs(paths, out, **options)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    info = made.run.info
    models = ", ".join(one.name for one in info.models[:8]) + (" ..." if info.models[8:] else "")
    said = [
        f"{made.responses} responses; {out} holds {len(info.models)} models ({models}) and "
        f"{info.questions} questions"
    ]
    if made.without_options:
        said.append(f"{made.without_options} of them have no options: only the answer is read")
    if made.without_answer:
        said.append(f"{made.without_answer} of them have no answer key: they cannot be scored")
    for line in [*said, *made.notes, f"Next: starprobe report {out}"]:
        console.print(line, markup=False)


def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    form: Annotated[
        str,
        typer.Option("--format", help="openai-batch, anthropic-batch, jsonl, csv or markdown."),
    ] = "jsonl",
    probes: Probes = ["everyday"],  # noqa: B006 - typer reads it and nobody changes it
    conditions: Conditions = "plain",
    orders: Orders = 1,
    shuffle: Shuffle = None,
    repeats: Repeats = 1,
    limit: Limit = None,
    model: Annotated[str | None, typer.Option(help="The service's model, for batches.")] = None,
    temperature: Annotated[float, typer.Option(min=0, help="For batches.")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="For batches.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="For batches.")] = 512,
    seed: Annotated[int, typer.Option(help="Every response's own seed is made from it.")] = 0,
) -> None:
    """Write the prompts of `starprobe run` to a file, for others to ask.

    Each goes out under its id (`custom_id`); `starprobe import` knows by it which question,
    condition, option order and hint a response belongs to.
    """
    from starprobe.bench.importers.join import PLACEHOLDER, export_prompts
    from starprobe.bench.records import Sampling
    from starprobe.bench.run_config import RunConfig, not_asked, render_probes

    config = RunConfig(
        models=(),
        probes=tuple(probes),
        conditions=names(conditions),
        orders=orders,
        shuffle=shuffle,
        limit=limit,
    )
    _, prompts = render_probes(config)
    sampling = Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed)
    written = export_prompts(prompts, out, form, model=model, repeats=repeats, sampling=sampling)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    said = [f"{len(prompts) * repeats} prompts are in {written[0]}", *not_asked(config)]
    if form.endswith("batch") and model is None:
        said.append(f"The model stands as {PLACEHOLDER} in it: put its name there, or give --model")
    if len(written) > 1:
        said.append(f"Keep {written[1]} beside the answers: with it they find their prompts")
    for line in [*said, "Next: starprobe import ANSWERS --out DIR"]:
        console.print(line, markup=False)


def export_as_tasks(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
    probes: Annotated[str, typer.Option(help="Sets or JSONL files, by comma.")] = "everyday",
    conditions: Conditions = "plain",
    orders: Orders = 1,
    repeats: Repeats = 1,
    limit: Limit = None,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    max_tokens: MaxTokens = 512,
    reader: Reader = None,
) -> None:
    """Write a folder that plain `lm_eval run --include_path DIR` runs, scored by our reader.

    The prompts are those of `starprobe run`, with and without a chat template. No network is
    needed; starprobe must be installed beside lm_eval.
    """
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
