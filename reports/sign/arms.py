"""Which arm a run is of, its responses as evidence of the sign, and its rate by people's labels.

The command line says it, or the training behind the run's model: a model that was trained here
points to its training folder, whose config.json says how it was made. A model from elsewhere tells
nothing of its making: its arm has to be named. Concludes nothing.

A reader that errs otherwise on one arm than on another makes a ratio or hides it. Where every
checkpoint of an arm has labels of its own (`starprobe annotate`), the arm's rate is put right by
the errors that they show, whatever those are; where one has none, nothing is said of the arm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from starprobe.bench.annotations.checked import labels_of, side
from starprobe.bench.metrics.contrasts import elicited_only, spontaneous
from starprobe.bench.metrics.definitions import BY_NAME, PRIMARY
from starprobe.bench.models import parse_model
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.intervals import wilson
from starprobe.bench.statistics.labelled import Side, errors
from starprobe.bench.statistics.seeds import ArmRate
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.schema import Record
from starprobe.reports.evidence import Evidence, gather
from starprobe.star.config import StarConfig
from starprobe.star.folder import Training

if TYPE_CHECKING:
    import pandas as pd

    from starprobe.bench.annotations.checked import Labels

BASE, PROMPTED = "base", "prompted"
SUPERVISED = "sft"
STAR_ARM = "star"
"""Arms whose name begins so are taken for STaR-trained unless others are named."""
UNDER = "under test"
FULL = 1.0
_ROUNDING = 1e-9
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


@dataclass(frozen=True)
class Gathered:
    """The evidence, and who is who in it."""

    evidence: Evidence
    labels: list[Labelled]
    under: list[Labelled]
    star: list[str]

    @property
    def alternatives(self) -> list[str]:
        """The arms that STaR is held against."""
        arms = dict.fromkeys(one.arm for one in self.labels if not one.elicited)
        return [arm for arm in arms if arm not in self.star]


def collect(
    specs: Sequence[Spec],
    star: Sequence[str] = (),
    under_test: Sequence[Path] = (),
    reader: str | None = None,
) -> Gathered:
    """The runs read and labelled.

    Raises:
        FolderError: a folder is no run.
        InputError: labels that do not fit.
    """
    runs = [Run(spec.path) for spec in specs]
    tests = [Run(path) for path in under_test]
    labels = labelled(runs, specs)
    chosen = star_arms(labels, star)
    unknown = [
        Labelled(UNDER, model.name, len(runs) + place, model.name)
        for place, run in enumerate(tests)
        for model in run.info.models
    ]
    names = _names(labels, len(runs)) + [UNDER] * len(tests)
    evidence = gather([run.path for run in (*runs, *tests)], reader, names=names)
    return Gathered(evidence, labels, unknown, chosen)


def _names(labels: Sequence[Labelled], runs: int) -> list[str]:
    """A word for each run, put before its models' names."""
    words: list[list[str]] = [[] for _ in range(runs)]
    for one in labels:
        alone = len({other.model for other in labels if other.run == one.run}) == 1
        words[one.run].append(f"{one.arm}/{one.checkpoint}" if alone else one.arm)
    return [", ".join(dict.fromkeys(found)) for found in words]


def rows_of(evidence: Evidence, one: Labelled) -> pd.DataFrame:
    """All rows of one labelled model."""
    frame = evidence.frame
    return frame[(frame["run"] == one.run) & (frame["source_model"] == one.model)]


def evidence_of(gathered: Gathered, at_least: float = FULL) -> pd.DataFrame:
    """The arms' spontaneous responses as `analyse` takes them.

    Raises:
        InputError: a checkpoint has none.
    """
    import pandas as pd

    check_same(gathered.evidence.frame)
    parts = []
    for one in gathered.labels:
        if one.elicited:
            continue
        own = rows_of(gathered.evidence, one)
        part = label(own, one.arm, one.checkpoint, at_least)
        if part.empty:
            asked = ", ".join(str(name) for name in own["condition"].unique()) or "nothing"
            raise InputError(
                f"{one.arm}/{one.checkpoint} was asked in no spontaneous condition ({asked}); run "
                f"it with --conditions plain, or label it {PROMPTED}"
            )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def label(
    frame: pd.DataFrame,
    arm: str,
    checkpoint: str,
    at_least: float = FULL,
    elicited: bool = False,
) -> pd.DataFrame:
    """The responses of one checkpoint as evidence: columns arm, checkpoint, question_id, sign.

    Only spontaneous conditions without a hint count: what was asked for is no sign. The sign is a
    full breakdown; responses without options have none and are left out.

    Args:
        frame: of `bench.metrics.frame`, of this checkpoint's run.
        arm: how its model was made.
        checkpoint: which one of that arm: its training seed or folder.
        at_least: the coverage from which on a response shows the sign.
        elicited: take the conditions that ask for reasons instead, for a reference.
    """
    counts = elicited_only if elicited else spontaneous
    own = {name: counts(str(name)) for name in frame["condition"].unique()}
    kept = frame[frame["condition"].map(own).astype(bool) & frame["coverage"].notna()]
    shown = kept["coverage"] >= at_least - _ROUNDING
    found = kept[["question_id"]].assign(arm=arm, checkpoint=checkpoint, sign=shown.astype(float))
    return found[["arm", "checkpoint", "question_id", "sign"]]


def check_same(frame: pd.DataFrame) -> None:
    """Refuses runs in which one id stands for several questions.

    Raises:
        InputError: which id.
    """
    stems = frame.groupby(["source_question", "condition"], sort=False)["stem"].nunique()
    several = stems[stems > 1]
    if len(several):
        name = several.index[0][0]
        raise InputError(
            f"{name!r} is not the same question in all runs; ask every checkpoint the same sets"
        )


def arm_rows(gathered: Gathered, arm: str) -> pd.DataFrame:
    """The spontaneous rows of an arm."""
    import pandas as pd

    own = [rows_of(gathered.evidence, one) for one in gathered.labels if one.arm == arm]
    return _spontaneous(pd.concat(own, ignore_index=True))


def _spontaneous(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[[spontaneous(str(name)) for name in rows["condition"]]]


Sides = Mapping[str, Sequence[Side]]
"""Arm -> a side for each of its checkpoints."""


class CheckedRate(Record):
    """How often the models of an arm show the sign, as read and as the labels have it."""

    arm: str
    read: float
    value: float
    low: float
    high: float
    labels: int
    same: float
    """Share of the labelled responses on which reader and labels agree."""


class CheckedRatio(Record):
    """The likelihood ratio of the sign by the checked rates of two arms."""

    positive: str
    negative: str
    value: float | None
    """None where the second rate is 0."""
    low: float
    high: float | None
    """None where nothing bounds it from above."""


def labelled_sides(gathered: Gathered) -> dict[str, list[Side]]:
    """The labelled responses of each arm all of whose checkpoints have labels."""
    runs = gathered.evidence.runs
    known: dict[int, Labels | None] = {}
    found: dict[str, list[Side | None]] = {}
    for one in (*gathered.labels, *gathered.under):
        if one.elicited:
            continue
        if one.run not in known:
            known[one.run] = labels_of(runs[one.run])
        arm = one.model if one in gathered.under else one.arm
        found.setdefault(arm, []).append(_side(gathered, one, known[one.run]))
    whole = {arm: [part for part in parts if part is not None] for arm, parts in found.items()}
    return {arm: parts for arm, parts in whole.items() if len(parts) == len(found[arm])}


def _side(gathered: Gathered, one: Labelled, labels: Labels | None) -> Side | None:
    if labels is None:
        return None
    made = side(_spontaneous(rows_of(gathered.evidence, one)), BY_NAME[PRIMARY], labels)
    return made if any(len(part.labels) for part in made.strata) else None


def checked_rates(rates: Sequence[ArmRate], sides: Sides) -> Iterator[CheckedRate]:
    """The rates of the arms that are labelled.

    Limits are those of seeds and questions and those of the labels, squared and added (Zou & Donner
    2008); the former no closer than for as many questions at the checked rate.
    """
    for rate in rates:
        parts = sides.get(rate.arm)
        if not parts or rate.low is None or rate.high is None:
            continue
        limits = [errors(part.strata) for part in parts]
        value = min(1.0, max(0.0, rate.value + float(np.mean([one.value for one in limits]))))
        below, above = (
            sqrt(sum(end**2 for end in ends)) / len(parts)
            for ends in zip(*((one.below, one.above) for one in limits), strict=True)
        )
        low, high = wilson(value * rate.questions, rate.questions)
        below = hypot(below, max(rate.value - rate.low, value - low))
        above = hypot(above, max(rate.high - rate.value, high - value))
        strata = [stratum for part in parts for stratum in part.strata]
        agree = np.concatenate([one.read == one.labels for one in strata])
        yield CheckedRate(
            arm=rate.arm,
            read=rate.value,
            value=value,
            low=max(0.0, value - below),
            high=min(1.0, value + above),
            labels=len(agree),
            same=float(agree.mean()),
        )


def checked_ratio(first: CheckedRate, second: CheckedRate) -> CheckedRatio:
    """P(sign | first) / P(sign | second), with limits from those of the two rates.

    The limits are those of Donner & Zou 2012 (Stat. Methods Med. Res. 21:347, section 3) for
    independent rates: a little wide where both arms find the same questions hard.
    """
    p, q = first, second
    product = p.value * q.value
    low = high = None
    down = p.low * q.high * (2 * p.value - p.low) * (2 * q.value - q.high)
    if q.high > 0 and abs(2 * q.value - q.high) > 1e-12:
        low = (product - sqrt(max(0.0, product**2 - down))) / (q.high * (2 * q.value - q.high))
    if q.low > 0:
        up = p.high * q.low * (2 * p.value - p.high) * (2 * q.value - q.low)
        high = (product + sqrt(max(0.0, product**2 - up))) / (q.low * (2 * q.value - q.low))
    return CheckedRatio(
        positive=p.arm,
        negative=q.arm,
        value=p.value / q.value if q.value > 0 else None,
        low=max(0.0, low if low is not None else p.low / max(q.high, 1e-12)),
        high=high,
    )


def said(rates: Sequence[CheckedRate], arms: int, folders: Sequence[str]) -> tuple[str, str]:
    """(CHECKED or NOT CHECKED, a sentence): whose rates rest on labels."""
    labels = sum(one.labels for one in rates)
    if not rates:
        return (
            "NOT CHECKED",
            "Every rate is as read, and no arm has labels in all of its runs: a reader that errs "
            "otherwise on one arm than on another makes a ratio, or hides it. To check it, in each "
            f"run: starprobe annotate {folders[0]} --n 30",
        )
    listed = ", ".join(
        f"{one.arm} {100 * one.value:.0f} % ({100 * one.low:.0f} to {100 * one.high:.0f}; as read "
        f"{100 * one.read:.0f})"
        for one in rates
    )
    return "CHECKED", f"{len(rates)} of {arms} arms, by {labels} labels: {listed}."
