"""`starprobe train` and `starprobe export`: the loop, its settings and cost, its weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    from starprobe.star.config import StarConfig
    from starprobe.star.folder import Training

EPILOG = (
    "Example: starprobe train --model smollm2 --questions numbers:train --preset rest "
    "--set iterations=2 --out trained. Presets: starprobe train --presets; every setting with "
    "what it means: starprobe train --settings."
)
EXPORT = "Example: starprobe export trained --to merged -o my-model"


def register(app: typer.Typer) -> None:
    """Adds `train` and `export`."""
    app.command("train", epilog=EPILOG)(train)
    app.command("export", epilog=EXPORT)(export)


def train(
    model: Annotated[
        str | None, typer.Option(help="smollm2 (the default), hf:NAME or hf:FOLDER.")
    ] = None,
    questions: Annotated[
        str | None,
        typer.Option(help="A built-in set (numbers:train, the default) or a file, with answers."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A starting point, see --presets; rest by default.")
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", help="Settings from a TOML or JSON file, a config.json too."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting; may be given again."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The training folder; the same again resumes.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Tell questions, first prompt, tokens, minutes and memory, and stop."
        ),
    ] = False,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print the configuration as JSON and stop.")
    ] = False,
    list_settings: Annotated[
        bool, typer.Option("--settings", help="Print every setting with what it means and stop.")
    ] = False,
    list_presets: Annotated[
        bool, typer.Option("--presets", help="Print the presets with what they are and stop.")
    ] = False,
    explain: Annotated[
        tuple[Path, str] | None,
        typer.Option(metavar="DIR QUESTION", help="Tell what happened to one question and stop."),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME",
            help="Train controls too, and hold it against them on the test: few_shot, direct, "
            "supervised, one_round, no_rationalization.",
        ),
    ] = "",
    seeds: Annotated[
        int, typer.Option(min=1, help="With --against: trainings of each, from `seed` on.")
    ] = 1,
) -> None:
    """Teach a model with STaR: sample, check, rationalize, filter, fine-tune, repeat."""
    from starprobe.star.config import described, presets
    from starprobe.star.tuning.launch import launched

    if explain is not None:
        return _explain(*explain)
    if list_settings:
        return _table((f"{name} = {default}", text) for name, default, text in described())
    if list_presets:
        return _table((name, str(values["about"])) for name, values in presets().items())
    processes = launched()
    if processes == 0:
        return None
    named = {"model": model, "questions": questions, "preset": preset}
    config = _config(named, config_file, settings or [], processes)
    if show_config:
        return typer.echo(json.dumps(config.model_dump(mode="json"), indent=2))
    if dry_run:
        return _dry_run(config)
    if out is None:
        raise InputError("train needs --out DIR, the folder that the training goes into")
    if against:
        return _against(config, out, [name.strip() for name in against.split(",")], seeds)
    if seeds > 1:
        raise InputError("--seeds goes with --against: without controls, give each seed its --out")
    return _train(config, out)


def export(
    training: Annotated[Path, typer.Argument(help="A training folder.")],
    to: Annotated[str, typer.Option(help="merged, gguf, ollama, or hub:USER/NAME.")],
    iteration: Annotated[
        int | None, typer.Option(min=1, help="Whose weights; the chosen ones by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The folder or file to write.")
    ] = None,
) -> None:
    """Give trained weights on: merged, as GGUF, for Ollama, or to the Hugging Face hub."""
    from starprobe.star.folder import Training
    from starprobe.star.tuning.export import export as run

    typer.echo(run(Training(training), to, iteration, out))


def _config(
    named: Mapping[str, str | None],
    file: Path | None,
    settings: Sequence[str],
    processes: int | None,
) -> StarConfig:
    """The preset, then the file, then single settings; what has an option of its own wins."""
    from starprobe.star.config import DEFAULT_PRESET, make_config, parse_settings, read_config

    given = read_config(file) if file else {}
    preset = str(named["preset"] or given.pop("preset", DEFAULT_PRESET))
    given |= parse_settings(settings)
    given |= {key: value for key, value in named.items() if value and key != "preset"}
    if processes is not None:
        given |= {"machine.processes": processes}
    given = {"model": "smollm2", "questions": "numbers:train"} | given
    return make_config(str(given["model"]), str(given["questions"]), preset, given)


def _table(rows: Iterable[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, text in rows:
        table.add_row(name, text)
    Console(highlight=False, markup=False).print(table)


def _dry_run(config: StarConfig) -> None:
    from starprobe.star.loop import told

    for line in told(config):
        typer.echo(line)


def _train(config: StarConfig, out: Path) -> None:
    from rich.console import Console

    from starprobe.star import train as run

    training = run(config, out, Console(stderr=True))
    _report(training)


def _against(config: StarConfig, out: Path, controls: Sequence[str], seeds: int) -> None:
    from rich.console import Console

    from starprobe.star import train as run
    from starprobe.star.experiments.against import against_table, train_against

    watched = Console(stderr=True)

    def told(one: StarConfig, folder: Path) -> Training:
        watched.print(f"{folder}: method={one.method}, seed={one.seed}")
        return run(one, folder, watched)

    found = train_against(config, out, controls, seeds, told)
    Console(highlight=False).print(against_table(found))


def _report(training: Training) -> None:
    from rich.console import Console

    from starprobe.star.tables import chosen_among, differences, tables

    console = Console(highlight=False)
    tested = training.tested()
    for table in tables(training.iterations(), tested):
        console.print(table)
    for line in differences(tested.comparisons if tested else ()):
        console.print(f"Test, base against chosen: {line}")
    ranked = training.iteration(training.best).best_of() if training.best else None
    if ranked is not None:
        console.print(chosen_among(ranked))
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


def _explain(folder: Path, question: str) -> None:
    from starprobe.star.folder import Training
    from starprobe.star.tables import explain

    for line in explain(Training(folder), question):
        typer.echo(line)
