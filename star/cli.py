"""`starprobe train`: runs the loop, shows a configuration, or tells what happened to a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    from starprobe.star.config import StarConfig
    from starprobe.star.folder import Training

EPILOG = (
    "Example: starprobe train --model smollm2 --questions numbers:train --preset rest "
    "--set iterations=2 --out trained"
)


def register(app: typer.Typer) -> None:
    """Adds `train`."""
    app.command("train", epilog=EPILOG)(train)


def train(
    model: Annotated[str, typer.Option(help="smollm2, hf:NAME or hf:FOLDER.")] = "smollm2",
    questions: Annotated[
        str, typer.Option(help="A built-in set or a JSONL file, with answers.")
    ] = "numbers:train",
    preset: Annotated[
        str, typer.Option(help="rest, paper, ada, irpo, supervised, direct, base, demo.")
    ] = "rest",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="May be given again.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The training folder; the same again resumes.")
    ] = None,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print every setting and stop.")
    ] = False,
    explain: Annotated[
        tuple[Path, str] | None,
        typer.Option(metavar="DIR QUESTION", help="Tell what happened to one question and stop."),
    ] = None,
) -> None:
    """Teach a model with STaR: sample, check, rationalize, filter, fine-tune, repeat."""
    from starprobe.star.config import make_config, parse_settings
    from starprobe.star.launch import launched

    if explain is not None:
        return _explain(*explain)
    processes = launched()
    if processes == 0:
        return None
    given = parse_settings(settings or [])
    if processes is not None:
        given |= {"processes": processes}
    config = make_config(model, questions, preset, given)
    if show_config:
        return _show(config)
    if out is None:
        raise InputError("train needs --out DIR, the folder that the training goes into")
    return _train(config, out)


def _train(config: StarConfig, out: Path) -> None:
    from rich.console import Console

    from starprobe.star import train as run

    training = run(config, out, Console(stderr=True))
    _report(training)


def _report(training: Training) -> None:
    from rich.console import Console

    from starprobe.star.tables import differences, tables

    console = Console(highlight=False)
    tested = training.tested()
    for table in tables(training.iterations(), tested):
        console.print(table)
    for line in differences(tested.comparisons if tested else ()):
        console.print(f"Test, base against chosen: {line}")
    unlearnt = training.forgetting()
    for line in differences(unlearnt.comparisons if unlearnt else ()):
        console.print(f"Forgetting, base against chosen: {line}")
    splits = training.splits()
    if splits is not None and splits.removed:
        console.print(
            f"{len(splits.removed)} questions were left out as copies of probes, test, validation "
            f"or worked examples; {training.path}/questions.json names them"
        )
    console.print(f"Best: iteration {training.best}. To ask it: starprobe run {training.model}")


def _show(config: StarConfig) -> None:
    import json

    typer.echo(json.dumps(config.model_dump(mode="json"), indent=2))


def _explain(folder: Path, question: str) -> None:
    from starprobe.star.folder import Training
    from starprobe.star.tables import explain

    for line in explain(Training(folder), question):
        typer.echo(line)
