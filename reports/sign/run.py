"""An experiment on the sign: its arms, seeds and probes, trained, asked, and put on a page.

    python -m starprobe.reports.sign.run --config smollm2 --out sign --jobs 2

Read from TOML. Every arm gets the same budget: the fields of `SHARED` are the same for all of them,
or the experiment is refused. The same command again goes on; what was done with other settings is
refused, not mixed in. Every part is done by a process of its own, `--jobs` of them at once with the
cores shared: two of one thread each do more on two cores than one of two, since small models wait
at every barrier between threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from importlib.resources import files
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from pydantic import Field, ValidationError

from starprobe.bench.files import only_writer, write_atomic, write_json
from starprobe.bench.models.backend import BackendOptions
from starprobe.bench.records import Sampling
from starprobe.bench.run_config import RunConfig
from starprobe.probes.errors import FolderError, InputError, run_command
from starprobe.probes.schema import Record
from starprobe.probes.sets import load_probe_set
from starprobe.star.config import DEFAULT_PRESET, StarConfig, make_config, values
from starprobe.star.folder import read_record
from starprobe.star.tuning.rows import check_worked
from starprobe.star.work import base_weights, sampling_name

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
PAGE = "sign.html"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
STAR = "star"
BASE, PROMPTED = "base", "prompted"
"""The arms that nothing is trained for: the base asked plainly, and asked for a breakdown."""
SHARED = (
    "questions", "limit", "evaluation.validation", "evaluation.decontaminate", "sampling.examples",
    "training.steps", "training.step_growth", "training.train_batch_size", "training.max_length",
    "training.restart", "training.tuning", "training.lora_r", "training.lora_alpha",
    "training.lora_dropout", "training.learning_rate", "training.scheduler", "training.warmup",
    "machine.device", "machine.dtype",
)  # fmt: skip
"""Settings that decide which questions are trained on, and how much and how the weights move."""


class Probing(Record):
    """What every checkpoint is asked, greedily, the same for all."""

    sets: tuple[str, ...] = ("everyday",)
    conditions: tuple[str, ...] = ("plain",)
    """Spontaneous ones: what is asked for is no sign."""
    prompted: tuple[str, ...] = ("few_shot",)
    """What the base is asked besides, for the arm `prompted`; empty: no such arm."""
    limit: int | None = Field(None, ge=1)
    """Questions of each set, from the first."""
    orders: int = Field(1, ge=1)
    max_tokens: int = Field(256, ge=1)
    batch_size: int = Field(16, ge=1)


class Experiment(Record):
    """Everything that decides what an experiment does; experiment.json in its folder."""

    name: str
    about: str = ""
    model: str
    questions: str
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    training: dict[str, Any] = Field(default_factory=dict)
    """Settings of `starprobe train` for all arms."""
    arms: dict[str, dict[str, Any]] = Field(min_length=1)
    """Arm -> its `preset` and what it sets differently."""
    probes: Probing = Probing()


class Unit(Record):
    """One part that is done by itself: a training and its probes, or the base's probes."""

    name: str
    """`ARM/seed_N`, or the arm alone where nothing is trained: its folder."""
    arm: str
    star: StarConfig | None
    asked: RunConfig
    """A model that is to be trained is not named: it has no folder yet."""


def ready() -> dict[str, str]:
    """Name -> text of the configurations that come with the package."""
    return {name: text for name, text in _shipped().items() if not name.startswith("_")}


@cache
def _shipped() -> dict[str, str]:
    """Those, and what they extend."""
    folder = files("starprobe.reports").joinpath("sign", "configs")
    found = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return {name.removesuffix(".toml"): found[name].read_text("utf-8") for name in sorted(found)}


def _table(source: str) -> dict[str, Any]:
    """A configuration's table over those of what it extends."""
    text = _shipped().get(source)
    table = tomllib.loads(Path(source).read_text(encoding="utf-8") if text is None else text)
    extended = table.pop("extends", None)
    return table if extended is None else _over(_table(str(extended)), table)


def _over(under: dict[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in table.items():
        below = merged.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = _over(below, value) if both and below is not None else value
    return merged


def load_experiment(source: str, changed: Mapping[str, Any] | None = None) -> Experiment:
    """The experiment of a TOML file or of a ready configuration's name.

    A file may name another, or a ready one, that it `extends`: its own fields go over those.

    Args:
        source: the file or the name.
        changed: fields to set otherwise, such as `questions`.

    Raises:
        InputError: no such file, or a field that does not fit.
    """
    try:
        table = _table(source)
        experiment = Experiment(**{"name": Path(source).stem, **table, **(changed or {})})
    except OSError as error:
        raise InputError(
            f"--config {source}: {error.filename} cannot be read ({error.strerror}); ready ones "
            f"are {', '.join(ready())}"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"--config {source}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"--config {source}: not valid TOML: {error}") from None
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in detail["loc"])
        raise InputError(f"--config {source}: field {field!r}: {detail['msg']}") from None
    check(experiment)
    return experiment


def check(experiment: Experiment) -> None:
    """Refuses arms of unlike budgets, and arms that are nothing to compare.

    Raises:
        InputError: which arm, which setting, and what to do.
    """
    taken = [name for name in (BASE, PROMPTED) if name in experiment.arms]
    if taken:
        raise InputError(f"[arms.{taken[0]}]: it is made by itself; take that table out")
    if bad := [name for name in experiment.arms if not name.replace("_", "").isalnum()]:
        raise InputError(f"[arms.{bad[0]}]: an arm's name has letters, digits and _ only")
    if len(set(experiment.seeds)) < len(experiment.seeds):
        raise InputError(f"seeds={list(experiment.seeds)}: a seed is there twice")
    configs = {arm: arm_config(experiment, arm, experiment.seeds[0]) for arm in experiment.arms}
    first, one = next(iter(configs.items()))
    for arm, other in configs.items():
        if other.method == "base":
            raise InputError(f"[arms.{arm}]: method=base trains nothing; take that table out")
        left, right = values(one), values(other)
        for key in SHARED:
            if left[key] != right[key]:
                raise InputError(
                    f"the arms {first} and {arm} differ in {key} ({left[key]!r}, "
                    f"{right[key]!r}); every arm has one budget: set it in [training]"
                )
    if one.training.steps is None:
        raise InputError("[training] needs steps: the number of steps that every arm is trained")
    if one.training.step_growth != 1 or one.training.restart != "base":
        raise InputError("[training] needs step_growth=1 and restart='base': one budget for all")
    if STAR not in {config.method for config in configs.values()}:
        raise InputError("there is no arm with method=star: nothing to put to the test")


def arm_config(experiment: Experiment, arm: str, seed: int) -> StarConfig:
    """The training of one arm and seed: its preset, then [training], then its own settings.

    Raises:
        InputError: an unknown setting or a value that does not fit.
    """
    own = dict(experiment.arms[arm])
    preset = str(own.pop("preset", DEFAULT_PRESET))
    settings = {"step_growth": 1.0, **experiment.training, **own, "seed": seed}
    for taken in ("model", "questions"):
        if taken in experiment.training or taken in own:
            raise InputError(f"{taken} stands at the top of the file, the same for all arms")
    try:
        return make_config(experiment.model, experiment.questions, preset, settings)
    except InputError as error:
        raise InputError(f"[arms.{arm}]: {error}") from None


def units(experiment: Experiment) -> list[Unit]:
    """All parts, in the order in which they are begun: seeds outside, so that early ones compare.

    Raises:
        InputError: a configuration that does not fit.
    """
    first = arm_config(experiment, next(iter(experiment.arms)), experiment.seeds[0])
    base = {"models": (sampling_name(first, None),)}
    conditions = {BASE: experiment.probes.conditions, PROMPTED: experiment.probes.prompted}
    found = [
        Unit(name=arm, arm=arm, star=None, asked=asked(experiment, names).model_copy(update=base))
        for arm, names in conditions.items()
        if names
    ]
    for seed in experiment.seeds:
        for arm in experiment.arms:
            config = arm_config(experiment, arm, seed)
            name = f"{arm}/seed_{seed}"
            found.append(Unit(name=name, arm=arm, star=config, asked=asked(experiment)))
    return found


def asked(experiment: Experiment, conditions: tuple[str, ...] | None = None) -> RunConfig:
    """What a checkpoint is asked; its model is still to be named."""
    probes, first = experiment.probes, next(iter(experiment.arms))
    config = arm_config(experiment, first, experiment.seeds[0])
    return RunConfig(
        models=(),
        probes=probes.sets,
        conditions=conditions or probes.conditions,
        limit=probes.limit,
        orders=probes.orders,
        sampling=Sampling(max_tokens=probes.max_tokens),
        options=BackendOptions(
            batch_size=probes.batch_size, dtype=config.machine.dtype, device=config.machine.device
        ),
    )


def star_arms(experiment: Experiment) -> list[str]:
    """The arms that are trained with STaR."""
    seed = experiment.seeds[0]
    return [arm for arm in experiment.arms if arm_config(experiment, arm, seed).method == STAR]


def done(unit: Unit, out: Path) -> bool:
    """Whether all of it is there, made with these very settings.

    Settings that did not exist yet count as their defaults, as in a training's own folder.
    """
    path = out / unit.name / "DONE"
    try:
        return path.exists() and Unit.model_validate_json(path.read_bytes()) == unit
    except ValidationError:
        return False


def asked_of(unit: Unit, weights: Path | None) -> RunConfig:
    """What is asked of these weights of the part's training; of its base for None.

    Raises:
        ValueError: nothing is trained for this part.
    """
    if unit.star is None:
        raise ValueError(f"{unit.name} trains nothing")
    options = unit.asked.options
    if weights is not None and (weights / "adapter_config.json").exists():
        options = options.model_copy(update={"base_model": base_weights(unit.star.model)})
    named = {"models": (sampling_name(unit.star, weights),), "options": options}
    return unit.asked.model_copy(update=named)


def stored_experiment(out: Path) -> Experiment:
    """The experiment of a folder.

    Raises:
        FolderError: no experiment is there.
    """
    experiment = read_record(out / "experiment.json", Experiment)
    if experiment is None:
        raise FolderError(f"{out} is no experiment: it has no experiment.json")
    return experiment


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
            say(said(end, len(ends), len(wanted), time.monotonic() - began))

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


def said(end: Finished, count: int, total: int, seconds: float) -> str:
    """The line that a part leaves, with the time to the end if the others take as long."""
    how = f"done in {end.seconds / 60:.1f} min" if end.code == 0 else f"FAILED: {end.last_line}"
    left = seconds * (total - count) / count
    rest = f"; about {left / 60:.0f} min left" if left else ""
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
    from starprobe.reports.sign.analysis import show
    from starprobe.reports.sign.arms import Spec
    from starprobe.reports.sign.report import write_sign

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
