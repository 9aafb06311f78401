"""Responses had from elsewhere, read, judged: `import`, `export`, `classify`, `read`, `judge`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from starprobe.bench.cli import (
    AnyFailure,
    BatchSize,
    Body,
    Concurrency,
    Conditions,
    Device,
    Header,
    Limit,
    MaxTokens,
    OnlyModels,
    Orders,
    Probes,
    Reader,
    Repeats,
    Retries,
    Seed,
    ShardOf,
    Shuffle,
    Temperature,
    Timeout,
    TopP,
    endings,
    names,
    options_of,
    say_endings,
)
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    from starprobe.bench.read import ReadResponse

IMPORT_EXAMPLE = (
    "Example: starprobe import answers.csv --map response=generated --out runs/theirs. All "
    "formats, a command each: docs/importing.md"
)
EXPORT_EXAMPLE = (
    "Example: starprobe prompts export --probes everyday --conditions plain,hinted --format "
    "openai-batch --model gpt-4o-mini -o batch.jsonl"
)
TASKS_EXAMPLE = (
    "Example: starprobe tasks export lm-eval-tasks --probes everyday,science --repeats 3"
)
CLASSIFY_EXAMPLE = "Example: starprobe classify answers.jsonl -o verdicts.jsonl"
MERGE_EXAMPLE = "Example: starprobe merge parts -o verdicts.jsonl"
READ_EXAMPLE = (
    'Example: pbpaste | starprobe read "What carries a small dog?" --option pool --option basket'
)
JUDGE_EXAMPLES = (
    "Examples: starprobe judge runs/demo --judges openai:gpt-4o,ollama:gemma2 | "
    "starprobe judge runs/demo --reward hf:Skywork/Skywork-Reward-V2-Qwen3-0.6B"
)
FAITHFULNESS_EXAMPLE = "Example: starprobe faithfulness runs/demo --model smollm2 --limit 20"


def register(app: typer.Typer) -> None:
    """Adds them all."""
    app.command("import", epilog=IMPORT_EXAMPLE)(import_)
    _add(app, "prompts", "The prompts, for others to ask.", EXPORT_EXAMPLE, export)
    harness = "The lm-evaluation-harness, the other way."
    _add(app, "tasks", harness, TASKS_EXAMPLE, export_as_tasks)
    app.command("classify", epilog=CLASSIFY_EXAMPLE)(classify)
    app.command("merge", epilog=MERGE_EXAMPLE)(merge)
    app.command("read", epilog=READ_EXAMPLE)(read)
    app.command("judge", epilog=JUDGE_EXAMPLES)(judge)
    app.command("faithfulness", epilog=FAITHFULNESS_EXAMPLE)(faithfulness)


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


def classify(
    path: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="A run, or responses.")],
    reader: Reader = None,
    classifier: Annotated[
        str | None, typer.Option(hidden=True, help="What --reader was called.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where the verdicts of a file go.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that read; 0 is one for each processor.")
    ] = 0,
    shard: ShardOf = None,
    ray: Annotated[
        bool,
        typer.Option("--ray", help="Of a file: on the Ray cluster of RAY_ADDRESS, or a local one."),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Of a judge: write the requests as an OpenAI-style batch, ask nothing."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of a judge: requests and tokens, ask nothing.")
    ] = False,
) -> None:
    """Read responses option by option: what is reasoned about, for or against, and the answer.

    A run folder gets a file verdicts.NAME.jsonl. A file needs `id`, `question`, `options` and
    `response` on every line, and gives one verdict a line. Running it again goes on where it
    stopped. With --shard, -o is a folder for the parts.
    """
    from starprobe.bench.read import default_workers
    from starprobe.bench.readers import DEFAULT_READER

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    count = workers or default_workers()
    name = reader or classifier or DEFAULT_READER
    if "judge:" in name and _told(path, name, export, console, dry_run):
        return
    if path.is_dir():
        from starprobe.bench.read import classify_run

        if shard is not None or ray:
            raise InputError(
                "--shard and --ray cut a file into parts; a run is cut by `starprobe run --shard`"
            )
        console.print(f"Written: {classify_run(path, name, count)}")
        return None
    if shard is not None:
        if ray:
            raise InputError("--ray makes all parts itself; leave --shard out")
        return _part(path, out, name, count, shard)
    file = out or path.with_suffix(".verdicts.jsonl")
    return _file(path, file, name, workers if ray else count, console, ray)


def _told(path: Path, name: str, export: Path | None, console: Console, dry_run: bool) -> bool:
    """Says what a judge will take, or writes its requests; whether that was all that was wanted."""
    from starprobe.bench.files import write_jsonl
    from starprobe.bench.read import readings_of
    from starprobe.bench.readers.judge import JudgeReader, batch_line

    first, _, model = name.rpartition("judge:")
    if export is not None:
        write_jsonl(export, (batch_line(reading, model) for reading in readings_of(path)))
        console.print(f"Written: {export}; keep the batch's output as {JudgeReader(model).file}")
        return True
    found = JudgeReader(model).estimate(readings_of(path))
    most = "at most a third of " if first else ""
    console.print(
        f"{model}: {most}{found.requests:,} requests, about {found.tokens_in:,} tokens in and "
        f"{found.tokens_out:,} out; replies that are kept are not paid for again"
    )
    return dry_run


def _file(path: Path, out: Path, reader: str, workers: int, console: Console, ray: bool) -> None:
    from starprobe.bench.read import classify_file, classify_part
    from starprobe.bench.shards import read_on_ray

    read_all = partial(read_on_ray, classify_part) if ray else classify_file
    with console.status("Reading ...") as status:
        done = read_all(
            path, out, reader, workers, lambda n: status.update(f"{n:,} responses read")
        )
    console.print(f"Written: {out} ({done:,} verdicts)")


def _part(path: Path, out: Path | None, reader: str, workers: int, said: str) -> None:
    from starprobe.bench.read import classify_part
    from starprobe.bench.shards import parse_shard

    shard = parse_shard(said)
    if out is None or shard is None:
        raise InputError("--shard needs -o DIR, the folder of the parts")
    done = classify_part(path, out, shard, reader, workers)
    typer.echo(f"Written: {out / shard.name}.jsonl ({done:,} verdicts)", err=True)


def merge(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the parts.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A file, or a run folder.")],
) -> None:
    """Join the parts of `classify --shard` into one file, or of `run --shard` into one run."""
    from starprobe.bench.shards import merge as join

    typer.echo(f"Written: {out} ({join(folder, out):,} rows)", err=True)


def read(
    question: Annotated[str, typer.Argument(help="The question, without its options.")],
    option: Annotated[list[str], typer.Option(help="An option; once for each, in order.")],
    answer: Annotated[
        Path | None, typer.Option(help="A file with the answer; without, it is read from stdin.")
    ] = None,
    reader: Reader = None,
) -> None:
    """Show how a pasted answer treats every option, as a table with the words that show it."""
    from starprobe.bench.read import classify as read_one
    from starprobe.bench.readers import DEFAULT_READER

    if answer is not None:
        try:
            text = answer.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{answer}: cannot be read: {error}") from None
    else:
        if sys.stdin.isatty():
            print("Paste the answer, then press Ctrl-D:", file=sys.stderr)
        text = sys.stdin.read()
    if not text.strip():
        raise InputError("the answer is empty; paste it on stdin or name a file with --answer")
    rows = [{"text": one} for one in option]
    found = read_one(text, {"question": question, "options": rows}, reader or DEFAULT_READER)
    console = Console()
    console.print(_table(found))
    console.print(found.headline(), highlight=False, markup=False)


def _table(found: ReadResponse) -> Table:
    table = Table("", "option", "treatment", "shown by")
    for row in found.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


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
    from starprobe.bench.cli.metrics import judge_tables
    from starprobe.bench.judges.panel import read_judgements
    from starprobe.bench.judges.stage import JudgeConfig, judge_run
    from starprobe.bench.progress import line
    from starprobe.bench.run_folder import Run

    config = JudgeConfig(
        judges=names(judges),
        rewards=names(reward),
        rubric=rubric,
        limit=limit,
        seed=seed,
        count_self=count_self,
        options=options_of(locals()),
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
    model: OnlyModels = None,
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
    from starprobe.bench.cli.metrics import metric_tables
    from starprobe.bench.faithfulness import FaithfulnessConfig, faithfulness_run
    from starprobe.bench.progress import line

    config = FaithfulnessConfig(
        models=tuple(model or ()),
        reader=reader,
        limit=limit,
        seed=seed,
        plain_text=plain_text,
        mistakes=mistakes,
        paraphrases=paraphrases,
        options=options_of(locals()),
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
