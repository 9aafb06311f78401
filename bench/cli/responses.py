"""What is said of responses: `classify`, `read`, `merge`, `judge` and `faithfulness`."""

from __future__ import annotations

import sys
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
    Device,
    Header,
    OnlyModels,
    Reader,
    Retries,
    Seed,
    ShardOf,
    Timeout,
    endings,
    names,
    options_of,
    say_endings,
)
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    from starprobe.bench.read import ReadResponse

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
    """Adds the five."""
    app.command("classify", epilog=CLASSIFY_EXAMPLE)(classify)
    app.command("merge", epilog=MERGE_EXAMPLE)(merge)
    app.command("read", epilog=READ_EXAMPLE)(read)
    app.command("judge", epilog=JUDGE_EXAMPLES)(judge)
    app.command("faithfulness", epilog=FAITHFULNESS_EXAMPLE)(faithfulness)


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
    from starprobe.bench.judges.stage import JudgeConfig, judge_run
    from starprobe.bench.judges.votes import read_judgements
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
    from starprobe.bench.faithfulness.stage import FaithfulnessConfig, faithfulness_run
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
