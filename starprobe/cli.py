"""The command: mounts what each package brings, and holds `demo`, which composes all four.

Thin and lazy: nothing imports it, and `--help` loads neither torch nor pandas nor plotly. Errors
that users can cure become one line and exit code 2.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import starprobe.bench.cli
import starprobe.probes.cli
import starprobe.reports.cli
import starprobe.star.cli
from starprobe.probes.errors import run_command

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.run_folder import Run

GROUPS = {
    "Begin": ("demo", "ask", "read"),
    "Ask models": ("run", "battery", "probes", "prompts", "models", "plan", "tasks"),
    "Bring in and read": ("import", "classify", "merge", "annotate", "judge", "faithfulness"),
    "See and compare": ("metrics", "report", "compare", "sign"),
    "Train": ("train", "export"),
}
"""How help arranges the commands; one that is in none stands last."""


class Grouped(TyperGroup):
    """Commands under headings."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes a list of commands for each heading."""
        named = {name for names in GROUPS.values() for name in names}
        rest = tuple(name for name in self.list_commands(ctx) if name not in named)
        for title, names in {**GROUPS, "More": rest}.items():
            rows = [
                (name, self.commands[name].get_short_help_str(formatter.width - 16))
                for name in names
                if name in self.commands and not self.commands[name].hidden
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


app = typer.Typer(
    name="starprobe",
    cls=Grouped,
    help="Measure how language models reason over options, and teach them to (STaR).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DEMO_PROBES = ("everyday", "numbers:test:n=60")
"""Commonsense that is never trained on, and held-out questions of the kind that is."""
DEMO_LIMIT = 60
DEMO_TOKENS = 160
"""Length of a response; a breakdown of five options takes about 110."""
DEMO_BATCH = 32


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"starprobe {version('starprobe')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say it and stop."),
    ] = False,
) -> None:
    """Measure how language models reason over options, and teach them to (STaR)."""


def main() -> None:
    """Runs the command line."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    run_command(app)


@app.command(epilog="Example: starprobe demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(help="Everything goes here; the same again resumes.")] = Path(
        "demo"
    ),
    model: Annotated[str, typer.Option(help="The base model.")] = "smollm2",
    limit: Annotated[int, typer.Option(min=1, help="Questions of each probe set.")] = DEMO_LIMIT,
    preset: Annotated[str, typer.Option(help="How to train.")] = "demo",
) -> None:
    """The main job, small: ask a model, train it with STaR, ask it again, and report the change."""
    from rich.console import Console

    from starprobe.bench.ask import run as ask
    from starprobe.bench.models import BackendOptions, parse_model, vllm
    from starprobe.bench.read import classify_run
    from starprobe.bench.records import Sampling
    from starprobe.bench.run_config import RunConfig
    from starprobe.reports import write_comparison
    from starprobe.star import make_config, train

    console = Console(highlight=False, soft_wrap=True, emoji=False)
    start = time.monotonic()

    def probe(name: str, asked: str) -> Run:
        config = RunConfig(
            models=(asked,),
            probes=DEMO_PROBES,
            limit=limit,
            sampling=Sampling(max_tokens=DEMO_TOKENS),
            options=BackendOptions(batch_size=DEMO_BATCH),
        )
        run = ask(config, out / name, console)
        classify_run(run)
        return run

    engine, base = "hf", parse_model(model)
    if base.backend == "hf" and vllm.usable():
        engine, model = "vllm", f"vllm:{base.name}"
    console.print(f"[bold]1. Asking {model}[/] plain questions: {', '.join(DEMO_PROBES)}")
    before = probe("before", model)
    console.print("[bold]2. Training it with STaR[/]: sample, check, rationalize, fine-tune")
    trained = train(make_config(model, "numbers:train", preset), out / "training", console)
    console.print("[bold]3. Asking the trained model[/] the same questions")
    after = probe("after", f"{engine}:{trained.best_adapter}")
    console.print("[bold]4. Writing the report[/]")
    report = write_comparison(before.path, after.path, out / "report.html", training=trained.path)
    _summary(before, after, console)
    console.print(f"{(time.monotonic() - start) / 60:.1f} minutes. The report: {report.resolve()}")


def _summary(before: Run, after: Run, console: Console) -> None:
    """The numbers that matter, over all questions and by probe set, each with its interval."""
    from starprobe.bench.metrics import compare, frame, measure
    from starprobe.bench.readers import DEFAULT_READER

    frames = frame(before, DEFAULT_READER), frame(after, DEFAULT_READER)
    console.print("[bold]Plain questions, no reasons asked for[/] (95 % intervals):")
    for name, says in (("full_breakdown", "breaks down every option"), ("accuracy", "right")):
        for asked in (None, *DEMO_PROBES):
            one, two = (part if asked is None else part[part["probes"] == asked] for part in frames)
            sides = [
                next(metric for metric in measure(part) if metric.name == name)
                for part in (one, two)
            ]
            row = compare(one, two, [name])[0]
            console.print(
                f"  {says}, {asked or 'all'} ({row.n} questions): "
                f"{_percent(sides[0].value, sides[0].low, sides[0].high)} before, "
                f"{_percent(sides[1].value, sides[1].low, sides[1].high)} after; {row.test}"
                + ("" if row.p is None else f", p = {row.p:.2g}")
            )


def _percent(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "-"
    return f"{100 * value:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _detectable(questions: int) -> str:
    from starprobe.bench.statistics.paired import detectable_words

    return detectable_words(questions)


starprobe.probes.cli.DETECTABLE.append(_detectable)
for package in (
    starprobe.probes.cli,
    starprobe.bench.cli,
    starprobe.star.cli,
    starprobe.reports.cli,
):
    package.register(app)
