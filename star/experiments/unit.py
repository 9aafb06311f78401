"""One part of an experiment in this process: train, probe, read; the same again goes on.

`python -m starprobe.star.experiments.unit FOLDER NAME` does the part NAME of the experiment in
FOLDER; it is what `star.experiments.sign` starts several of at once.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from starprobe.bench.files import write_atomic
from starprobe.probes.errors import FolderError, InputError, UserError
from starprobe.star.experiments.config import Experiment, Unit, units
from starprobe.star.folder import read_record

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.run_config import RunConfig

TIED = "--tied"
"""Given by whoever started this process: it is to end when that one does."""


def done(unit: Unit, out: Path) -> bool:
    """Whether all of it is there, made with these very settings.

    Settings that did not exist yet count as their defaults, as in a training's own folder.
    """
    path = out / unit.name / "DONE"
    try:
        return path.exists() and Unit.model_validate_json(path.read_bytes()) == unit
    except ValidationError:
        return False


def work(unit: Unit, out: Path, console: Console | None = None) -> None:
    """Trains what is to be trained, asks the probes and reads the responses.

    Raises:
        UserError: what the user can cure; what is done stays.
    """
    from starprobe.bench.ask import run
    from starprobe.bench.read import classify_run

    if done(unit, out):
        return
    folder = out / unit.name
    responses = run(_with_model(unit, folder, console), folder / "run", console)
    failed = [row for row in responses.responses().values() if row.error is not None]
    if failed:
        raise FolderError(
            f"{len(failed)} responses of {unit.name} failed ({failed[0].error}); the same command "
            f"again asks them again"
        )
    classify_run(responses)
    write_atomic(folder / "DONE", unit.model_dump_json())


def _with_model(unit: Unit, folder: Path, console: Console | None) -> RunConfig:
    """What is asked, its model trained first where it has to be."""
    from starprobe.star import train

    if unit.star is None:
        return unit.asked
    return asked_of(unit, train(unit.star, folder / "training", console).best_adapter)


def asked_of(unit: Unit, weights: Path | None) -> RunConfig:
    """What is asked of these weights of the part's training; of its base for None.

    Raises:
        ValueError: nothing is trained for this part.
    """
    from starprobe.star.models import base_weights, sampling_name

    if unit.star is None:
        raise ValueError(f"{unit.name} trains nothing")
    options = unit.asked.options
    if weights is not None and (weights / "adapter_config.json").exists():
        options = options.model_copy(update={"base_model": base_weights(unit.star.model)})
    named = {"models": (sampling_name(unit.star, weights),), "options": options}
    return unit.asked.model_copy(update=named)


def find(out: Path, name: str) -> Unit:
    """The part of this name of the experiment in a folder.

    Raises:
        FolderError: no experiment is there.
        InputError: it has no such part.
    """
    for unit in units(stored_experiment(out)):
        if unit.name == name:
            return unit
    raise InputError(f"{out} has no part {name!r}")


def stored_experiment(out: Path) -> Experiment:
    """The experiment of a folder.

    Raises:
        FolderError: no experiment is there.
    """
    experiment = read_record(out / "experiment.json", Experiment)
    if experiment is None:
        raise FolderError(f"{out} is no experiment: it has no experiment.json")
    return experiment


def end_with_parent() -> None:
    """Ends this process when the one that started it is gone, however that ended.

    Standard input is a pipe from it: its end means that nobody waits for us any more. Whatever is
    half done here resumes.
    """

    def wait() -> None:
        # Not through sys.stdin: a thread that holds its lock breaks the interpreter's own end.
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(arguments: list[str]) -> int:
    """Does one part; gives the exit code."""
    from rich.console import Console

    if TIED in arguments:
        end_with_parent()
    out, name = [one for one in arguments if one != TIED]
    try:
        work(find(Path(out), name), Path(out), Console(stderr=True, width=100))
    except UserError as error:
        print(f"starprobe: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
