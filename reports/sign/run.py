"""The sign put to the test: trains every arm with every seed, probes all, and writes the page.

    python -m starprobe.reports.sign.run --config smollm2 --out sign --jobs 2

The same again goes on. What was done with other settings is refused, not mixed in. Every part is
done by a process of its own, `--jobs` of them at once with the cores shared: two of one thread each
do more on two cores than one of two, since small models wait at every barrier between threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from starprobe.bench.files import only_writer, write_atomic, write_json
from starprobe.probes.errors import FolderError, run_command
from starprobe.probes.sets import load_probe_set
from starprobe.reports.sign.experiment import (
    Experiment,
    Unit,
    arm_config,
    asked_of,
    done,
    find,
    load_experiment,
    star_arms,
    units,
)
from starprobe.star.tuning.rows import check_worked
from starprobe.star.work import base_weights

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
PAGE = "sign.html"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Finished(NamedTuple):
    """How a part ended."""

    name: str
    code: int
    seconds: float
    last_line: str
    """Of its log: the error, where it failed."""


@app.command(
    epilog="Example: python -m starprobe.reports.sign.run --config smollm2 --out sign --jobs 2"
)
def run(
    config: Annotated[str, typer.Option(help="A TOML file, or a ready one's name.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Everything goes here; the same again goes on.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Parts at once, the cores shared.")] = 1,
    questions: Annotated[
        str | None, typer.Option(help="Train on this set or file instead of the one named there.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what will be done and stop.")
    ] = False,
    part: Annotated[str, typer.Option(hidden=True, help="Do this part, in this process.")] = "",
) -> None:
    """Train all arms of an experiment, probe them, and write the page that compares them."""
    from rich.console import Console

    if part and out is not None:
        end_with_parent()
        do_part(find(out, part), out, Console(stderr=True, width=100))
        return
    console = Console(soft_wrap=True, emoji=False, highlight=False, markup=False)
    experiment = load_experiment(config, {"questions": questions} if questions else None)
    console.print(what_is_done(experiment))
    if dry_run:
        return
    out = out or Path(experiment.name)
    began = time.monotonic()
    failed = run_experiment(experiment, out, jobs, console.print)
    written = write_page(experiment, out, console)
    console.print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    if failed:
        names = ", ".join(end.name for end in failed)
        console.print(f"failed: {names}; each has a log.txt; the same command tries them again")
    if failed or not written:
        raise typer.Exit(1)


def run_experiment(
    experiment: Experiment, out: Path, jobs: int, say: Callable[[str], None]
) -> list[Finished]:
    """Does what is not done yet; gives what failed.

    Raises:
        UserError: before anything is begun, for what is wrong with the model or the folder.
    """
    base_weights(experiment.model)
    check_questions(experiment)
    with only_writer(prepared(out)):
        write_json(out / "experiment.json", experiment)
        parts = units(experiment)
        wanted = [part for part in parts if not done(part, out)]
        if len(wanted) < len(parts):
            say(f"{len(parts) - len(wanted)} of {len(parts)} parts are done already")
        began, ends = time.monotonic(), list[Finished]()

        def tell(end: Finished) -> None:
            ends.append(end)
            left = time_left(len(wanted), len(ends), time.monotonic() - began)
            say(said(end, len(ends), len(wanted), left))

        run_parts([part.name for part in wanted], out, jobs, tell)
        return [end for end in ends if end.code != 0]


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
    there = [one for one in out.iterdir() if not one.name.startswith(".")] if out.exists() else []
    if there and not (out / "experiment.json").exists():
        raise FolderError(
            f"{out} is not empty and holds no experiment ({there[0].name} is in it); name "
            f"another --out folder"
        )
    return out


def what_is_done(experiment: Experiment) -> str:
    """What an experiment trains and asks, in a line."""
    trainings = len(experiment.arms) * len(experiment.seeds)
    steps = ", ".join(
        sorted({str(part.star.training.steps) for part in units(experiment) if part.star})
    )
    return (
        f"{experiment.name}: {experiment.model}, {len(experiment.arms)} arms x "
        f"{len(experiment.seeds)} seeds = {trainings} trainings of {steps} steps a round, and the "
        f"base"
    )


def time_left(parts: int, done: int, seconds: float) -> float | None:
    """Seconds to the end, if the other parts take as long as those that are done."""
    return seconds * (parts - done) / done if done else None


def said(end: Finished, count: int, total: int, left: float | None) -> str:
    """The line that a part leaves."""
    how = f"done in {end.seconds / 60:.1f} min" if end.code == 0 else f"FAILED: {end.last_line}"
    rest = f"; about {left / 60:.0f} min left" if left and count < total else ""
    return f"[{count}/{total}] {end.name}: {how}{rest}"


def run_parts(names: Sequence[str], out: Path, jobs: int, tell: Callable[[Finished], None]) -> None:
    """Does these parts, `jobs` at a time, and tells how each ended.

    A part that fails is noted and the others go on; an interrupt ends those under way.
    """
    free: SimpleQueue[int] = SimpleQueue()
    for slot in range(jobs):
        free.put(slot)
    running: list[subprocess.Popen[bytes]] = []

    def one(name: str) -> Finished:
        slot = free.get()
        try:
            return _run_part(name, out, environment(os.environ, slot, jobs), running)
        finally:
            free.put(slot)

    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(one, name) for name in names]
        try:
            for future in as_completed(waiting):
                tell(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            raise


def _run_part(
    name: str, out: Path, env: Mapping[str, str], running: list[subprocess.Popen[bytes]]
) -> Finished:
    """Does a part in a process of its own; what it says goes into its log."""
    log, began = out / name / "log.txt", time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    words = ["--part", name, "--out", str(out)]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "starprobe.reports.sign.run", *words],
            stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, env=dict(env),
        )  # fmt: skip
    with process:
        running.append(process)
        code = process.wait()
    return Finished(name, code, time.monotonic() - began, last_line(log) if code else "")


def environment(given: Mapping[str, str], slot: int, jobs: int) -> dict[str, str]:
    """The variables of a part: its share of the cores, and one GPU of those that are visible."""
    changed = dict(given)
    if jobs > 1:
        share = str(max(1, (os.cpu_count() or 1) // jobs))
        changed |= {name: share for name in THREADS if name not in given}
        gpus = [gpu for gpu in given.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
        if len(gpus) > 1:
            changed["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    return changed


def last_line(log: Path) -> str:
    """What a log ends with; of a UserError, its one line, however long."""
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    return text.rpartition("\n")[2].removeprefix("starprobe: ")


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


def do_part(part: Unit, out: Path, console: Console | None = None) -> None:
    """Trains what is to be trained, asks the probes and reads the responses.

    Raises:
        UserError: what the user can cure; what is done stays.
    """
    from starprobe.bench.ask import run as ask
    from starprobe.bench.read import classify_run
    from starprobe.star import train

    if done(part, out):
        return
    folder, asked = out / part.name, part.asked
    if part.star is not None:
        asked = asked_of(part, train(part.star, folder / "training", console).best_adapter)
    responses = ask(asked, folder / "run", console)
    failed = [row for row in responses.responses().values() if row.error is not None]
    if failed:
        raise FolderError(
            f"{len(failed)} responses of {part.name} failed ({failed[0].error}); the same command "
            f"again asks them again"
        )
    classify_run(responses)
    write_atomic(folder / "DONE", part.model_dump_json())


def write_page(experiment: Experiment, out: Path, console: Console) -> bool:
    """Writes the page over the parts that are done and prints its findings; whether any are."""
    from starprobe.reports.sign.arms import Spec
    from starprobe.reports.sign.page import write_sign
    from starprobe.reports.sign.tables import show

    ready = [part for part in units(experiment) if done(part, out)]
    if not ready:
        return False
    specs = []
    for part in ready:
        arm, _, checkpoint = part.name.partition("/")
        specs.append(Spec(out / part.name / "run", arm, checkpoint))
    there = {part.arm for part in ready}
    star = [arm for arm in star_arms(experiment) if arm in there]
    if not star:
        console.print("no arm of STaR is done yet: no page")
        return False
    title = f"The sign put to the test: {experiment.name}"
    show(write_sign(specs, out / PAGE, star, title=title), console)
    console.print(f"wrote {out / PAGE}")
    return True


def main() -> None:
    """Runs the command line."""
    run_command(app)


if __name__ == "__main__":
    main()
