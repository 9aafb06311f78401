"""`starprobe import`: outputs of other tools become a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = "Example: starprobe import answers.csv --map response=generated --out runs/theirs"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("import", epilog=EPILOG)(import_)


def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file or folder of outputs.")],
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="Which field is which, for tables."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model, where the file names none.")] = None,
    condition: Annotated[
        str | None, typer.Option(help="The way of asking, where you know it: plain, ...")
    ] = None,
) -> None:
    """Make a run folder of outputs that were collected elsewhere.

    Reads CSV, TSV, JSONL, JSON and Parquet tables, lm-eval's samples_*.jsonl, inspect_ai's .eval
    and .json logs, promptfoo's results, Every Eval Ever's instances, and a folder of text files
    named by model beside a question.txt. Options that are no field are looked for in the prompt.
    """
    from rich.console import Console

    from starprobe.bench.importers import import_outputs
    from starprobe.probes.errors import InputError

    pairs = dict[str, str]()
    for given in mapping or []:
        ours, equals, theirs = given.partition("=")
        if not equals:
            raise InputError(f"--map {given}: write OURS=THEIRS, as in response=generated_text")
        pairs[ours] = theirs
    made = import_outputs(path, out, mapping=pairs, model=model, condition=condition)
    console = Console(stderr=True, highlight=False)
    info = made.run.info
    models = ", ".join(one.name for one in info.models[:8]) + (" ..." if info.models[8:] else "")
    console.print(
        f"{made.responses} responses of {len(info.models)} models ({models}) to {info.questions} "
        f"questions are in {out}",
        markup=False,
    )
    if made.without_options:
        console.print(f"{made.without_options} of them have no options: only the answer is read")
    if made.without_answer:
        console.print(f"{made.without_answer} of them have no answer key: they cannot be scored")
    console.print(f"Next: starprobe classify {out}, or starprobe report {out}", markup=False)
