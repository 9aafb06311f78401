"""Runs read and labelled, and the rows of each arm. Concludes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starprobe.bench.metrics.contrasts import spontaneous
from starprobe.bench.run_folder import Run
from starprobe.bench.signs import label
from starprobe.probes.errors import InputError
from starprobe.reports.frames import Evidence, gather
from starprobe.reports.sign.labels import PROMPTED, Labelled, Spec, labelled, star_arms

if TYPE_CHECKING:
    import pandas as pd

UNDER = "under test"


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


def evidence_of(gathered: Gathered, at_least: float = 1.0) -> pd.DataFrame:
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


def check_same(frame: pd.DataFrame) -> None:
    """Refuses runs in which one id stands for several questions.

    Raises:
        InputError: which id.
    """
    stems = frame.groupby(["question_id", "condition"], sort=False)["stem"].nunique()
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
    rows = pd.concat(own, ignore_index=True)
    return rows[[spontaneous(str(name)) for name in rows["condition"]]]
