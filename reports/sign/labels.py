"""Which arm a run belongs to: as the command line says, or as the training behind its model tells.

A run's model that was trained here points to its training folder, whose config.json says how it was
made. A model from elsewhere tells nothing of its making: its arm has to be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.metrics.contrasts import elicited_only
from starprobe.bench.models import parse_model
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import FolderError, InputError
from starprobe.star.config import StarConfig
from starprobe.star.folder import Training

BASE, PROMPTED = "base", "prompted"
SUPERVISED = "sft"
STAR_ARM = "star"
"""Arms whose name begins so are taken for STaR-trained unless others are named."""
PATTERN = "write ARM=DIR or ARM/CHECKPOINT=DIR, as in base=runs/base or star_paper/seed_0=runs/one"


class Spec(NamedTuple):
    """A run folder as it was given, with the labels that were given for it."""

    path: Path
    arm: str = ""
    checkpoint: str = ""


class Labelled(NamedTuple):
    """One model of one run, and which checkpoint of which arm it is."""

    arm: str
    checkpoint: str
    run: int
    """Place of its run."""
    model: str
    """As in the run."""

    @property
    def elicited(self) -> bool:
        """Whether its answers were asked for: no sign, shown for reference only."""
        return self.arm == PROMPTED


def parse_spec(text: str) -> Spec:
    """`DIR`, `ARM=DIR` or `ARM/CHECKPOINT=DIR`.

    Raises:
        InputError: a label without a folder or an empty one.
    """
    if Path(text).is_dir() or "=" not in text:
        return Spec(Path(text))
    label, _, folder = text.partition("=")
    arm, slash, checkpoint = label.partition("/")
    if not arm.strip() or not folder.strip() or (slash and not checkpoint.strip()):
        raise InputError(f"{text!r} names no run: {PATTERN}")
    return Spec(Path(folder), arm.strip(), checkpoint.strip())


def parse_priors(text: str) -> dict[str, float]:
    """`ARM=WEIGHT,ARM=WEIGHT`.

    Raises:
        InputError: a part that is not so, or names an arm twice.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        arm, equals, weight = part.strip().partition("=")
        try:
            value = float(weight)
        except ValueError:
            value = -1.0
        if not equals or not arm or arm in found or not 0 <= value < float("inf"):
            raise InputError(
                f"--prior {part.strip()!r}: write each arm once with its weight, as in "
                f"base=0.5,star_paper=0.5"
            )
        found[arm] = value
    return found


def labelled(runs: Sequence[Run], specs: Sequence[Spec]) -> list[Labelled]:
    """Every model of every run under its arm and checkpoint, each of those once.

    Raises:
        InputError: nothing says how a model was made, or two are the same checkpoint.
    """
    configs = {
        (place, model.name): training_of(run, model.name)
        for place, run in enumerate(runs)
        for model in run.info.models
    }
    bases = {config.model for config in configs.values() if config is not None}
    found = [
        one
        for place, (run, spec) in enumerate(zip(runs, specs, strict=True))
        for model in run.info.models
        for one in _label(run, spec, place, model.name, configs[place, model.name], bases)
    ]
    twice = [key for key, n in Counter((one.arm, one.checkpoint) for one in found).items() if n > 1]
    if twice:
        arm, checkpoint = twice[0]
        raise InputError(
            f"two models are {arm}/{checkpoint}: name their checkpoints, as in {arm}/one=DIR"
        )
    return found


def _label(
    run: Run,
    spec: Spec,
    place: int,
    model: str,
    config: StarConfig | None,
    bases: set[str],
) -> Iterator[Labelled]:
    if spec.arm:
        yield Labelled(spec.arm, spec.checkpoint or _name(run, config, model), place, model)
        return
    if config is not None:
        yield Labelled(arm_of(config), _name(run, config, model), place, model)
        return
    if model not in bases:
        raise InputError(
            f"nothing tells how {model} of {run.path} was made (it is of no training folder, and "
            f"the base of none named here): {PATTERN}"
        )
    asked = [elicited_only(name) for name in run.info.conditions]
    if not all(asked):
        yield Labelled(BASE, _name(run, None, model), place, model)
    if any(asked):
        yield Labelled(PROMPTED, _name(run, None, model), place, model)


def arm_of(config: StarConfig) -> str:
    """The arm of a training: its method, and the style where rationales were trained on."""
    if config.method in ("base", "direct"):
        return BASE if config.method == "base" else "direct"
    return f"{SUPERVISED if config.method == 'supervised' else STAR_ARM}_{config.style}"


def _name(run: Run, config: StarConfig | None, model: str) -> str:
    if config is not None:
        return f"seed_{config.seed}"
    return run.path.resolve().name if len(run.info.models) == 1 else model


def training_of(run: Run, model: str) -> StarConfig | None:
    """The configuration of the training that a run's model came from; None where there is none.

    Looked for above the weights that the model's name points to, and, for folders that were moved,
    beside the run.
    """
    for folder in _candidates(run, model):
        try:
            return Training(folder).config
        except FolderError:
            continue
    return None


def _candidates(run: Run, model: str) -> Iterable[Path]:
    try:
        named = parse_model(model).name
    except InputError:
        return
    weights = Path(named)
    trained_here = weights.parent.name.startswith("iteration_") or weights.name == "merged"
    if not trained_here:
        return
    if weights.parent.name.startswith("iteration_"):
        yield weights.parent.parent
    yield weights.parent
    yield run.path.resolve().parent / "training"


def star_arms(found: Sequence[Labelled], named: Sequence[str]) -> list[str]:
    """The arms that count as STaR-trained: those named, else those whose names begin so.

    Raises:
        InputError: one that is not there, or none.
    """
    arms = list(dict.fromkeys(one.arm for one in found))
    missing = [arm for arm in named if arm not in arms]
    if missing:
        raise InputError(f"--star {missing[0]}: there is no such arm; there are {', '.join(arms)}")
    chosen = list(named) or [arm for arm in arms if arm.startswith(STAR_ARM)]
    if not chosen:
        raise InputError(
            f"none of the arms {', '.join(arms)} is named star...: say with --star ARM which of "
            f"them was trained with STaR"
        )
    return chosen
