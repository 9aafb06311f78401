"""The sign put to the test: trains every arm with every seed, probes all, and writes the page.

    python -m starprobe.star.experiments.sign --config smollm2 --out sign --jobs 2

The same again goes on. What was done with other settings is refused, not mixed in.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from starprobe.bench.files import only_writer, write_json
from starprobe.probes.errors import FolderError, run_command
from starprobe.probes.loading import load_probe_set
from starprobe.star.experiments.budget import Budget, budget, lines
from starprobe.star.experiments.config import (
    Experiment,
    Unit,
    arm_config,
    load_experiment,
    star_arms,
    units,
)
from starprobe.star.experiments.jobs import Finished, run_jobs
from starprobe.star.experiments.unit import done
from starprobe.star.models import base_weights
from starprobe.star.rows import check_worked

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
PAGE = "sign.html"


def run_experiment(
    experiment: Experiment, out: Path, jobs: int, console: Console
) -> list[Finished]:
    """Does what is not done yet, and writes the page over what there is; gives what failed.

    Raises:
        UserError: before anything is begun, for what is wrong with the model or the folder.
    """
    base_weights(experiment.model)
    check_questions(experiment)
    with only_writer(prepared(out)):
        write_json(out / "experiment.json", experiment)
        found = budget(experiment)
        wanted = [unit for unit in units(experiment) if not done(unit, out)]
        ready = len(units(experiment)) - len(wanted)
        if ready:
            console.print(f"{ready} of {len(units(experiment))} parts are done already")
        began = time.monotonic()
        ends: list[Finished] = []

        def tell(end: Finished) -> None:
            ends.append(end)
            left = time_left(found, wanted, ends, time.monotonic() - began)
            console.print(said(end, len(ends), len(wanted), left), highlight=False, markup=False)

        finished = run_jobs([unit.name for unit in wanted], out, jobs, tell)
        return [end for end in finished if end.code != 0]


def check_questions(experiment: Experiment) -> None:
    """Refuses sets that are not there, and questions without what an arm needs of them.

    Raises:
        InputError: which set or question.
    """
    for name in experiment.probes.sets:
        load_probe_set(name)
    questions = load_probe_set(experiment.questions).questions
    for arm in experiment.arms:
        config = arm_config(experiment, arm, experiment.seeds[0])
        if config.method == "supervised":
            check_worked(questions, config)


def prepared(out: Path) -> Path:
    """The folder, new or of an experiment.

    Raises:
        FolderError: it holds something else.
    """
    if out.exists() and not out.is_dir():
        raise FolderError(f"--out {out} is a file, not a folder; name another")
    strangers = (
        [one for one in out.iterdir() if not one.name.startswith(".")] if out.exists() else []
    )
    if strangers and not (out / "experiment.json").exists():
        raise FolderError(
            f"{out} is not empty and holds no experiment ({strangers[0].name} is in it); name "
            f"another --out folder"
        )
    return out


def time_left(
    found: Budget, wanted: list[Unit], ends: list[Finished], seconds: float
) -> float | None:
    """Seconds to the end, by how long the estimate's share that is done took."""
    weights = {unit.name: unit.seconds or 1.0 for unit in found.units}
    total = sum(weights[unit.name] for unit in wanted)
    passed = sum(weights[end.name] for end in ends)
    return seconds * (total - passed) / passed if passed else None


def said(end: Finished, count: int, total: int, left: float | None) -> str:
    """The line that a part leaves."""
    how = f"done in {end.seconds / 60:.1f} min" if end.code == 0 else f"FAILED: {end.last_line}"
    rest = f"; about {left / 60:.0f} min left" if left and count < total else ""
    return f"[{count}/{total}] {end.name}: {how}{rest}"


def write_page(experiment: Experiment, out: Path, console: Console) -> int:
    """Writes the page over the parts that are done, where any are; gives the exit code."""
    ready = [unit for unit in units(experiment) if done(unit, out)]
    if not ready:
        return 1
    command = page_command(experiment, out, ready)
    console.print(shlex.join(["starprobe", *command[3:]]), highlight=False, markup=False)
    return subprocess.run(command, check=False).returncode


def page_command(experiment: Experiment, out: Path, ready: list[Unit]) -> list[str]:
    """The command that writes the page; reports is above this package, hence a process."""
    runs = [f"{unit.name}={out / unit.name / 'run'}" for unit in ready]
    stars = [part for arm in star_arms(experiment) for part in ("--star", arm)]
    title = ["--title", f"The sign put to the test: {experiment.name}"]
    return [sys.executable, "-m", "starprobe", "sign", *runs, *stars, *title, "-o", str(out / PAGE)]


@app.command(
    epilog="Example: python -m starprobe.star.experiments.sign --config smollm2 --out sign --jobs 2"
)
def sign(
    config: Annotated[str, typer.Option(help="A TOML file, or a ready one's name.")],
    out: Annotated[
        Path | None, typer.Option(help="Everything goes here; the same again goes on.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Parts at once, the cores shared.")] = 1,
    questions: Annotated[
        str | None, typer.Option(help="Train on this set or file instead of the one named there.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the budget and stop.")] = False,
) -> None:
    """Train all arms of an experiment on the sign, probe them, and write the page."""
    console = Console(soft_wrap=True, emoji=False)
    experiment = load_experiment(config, {"questions": questions} if questions else None)
    for line in lines(experiment, budget(experiment), jobs):
        console.print(line, highlight=False, markup=False)
    if dry_run:
        return
    out = out or Path(experiment.name)
    began = time.monotonic()
    failed = run_experiment(experiment, out, jobs, console)
    written = write_page(experiment, out, console)
    console.print(f"{(time.monotonic() - began) / 60:.1f} minutes", highlight=False)
    if failed:
        names = ", ".join(end.name for end in failed)
        console.print(f"failed: {names}; each has a log.txt; the same command tries them again")
    if failed or written:
        raise typer.Exit(1)


def main() -> None:
    """Runs the command line."""
    run_command(app)


if __name__ == "__main__":
    main()
