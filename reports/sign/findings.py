"""Labelled runs -> everything that is said of the sign, as records. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from starprobe.bench.metrics import to_frame
from starprobe.bench.signs import SignResult, analyse, label, posterior, seed_rate
from starprobe.bench.signs.analysis import ArmRate, tables
from starprobe.bench.signs.posterior import Posterior
from starprobe.bench.signs.robustness import (
    OTHER_THRESHOLD,
    Corrected,
    Matched,
    Variant,
    at_matched_length,
    corrected,
    variant,
)
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record
from starprobe.reports.frames import reader_error
from starprobe.reports.sign.gathering import Gathered, arm_rows, collect, evidence_of, rows_of
from starprobe.reports.sign.labels import PROMPTED, Labelled, Spec

if TYPE_CHECKING:
    import pandas as pd


class Under(Record):
    """What the sign says of a model under test."""

    model: str
    shown: int
    """Questions answered with the sign; of several responses, more often than not."""
    questions: int
    """Shared with the arms."""
    posterior: tuple[Posterior, ...]


class Findings(Record):
    """All of it."""

    result: SignResult
    star: tuple[str, ...]
    alternatives: tuple[str, ...]
    questions: int
    reader: str
    prompted: ArmRate | None
    """The base asked for a breakdown: shown for reference."""
    corrected: tuple[Corrected, ...]
    variants: tuple[Variant, ...]
    matched: tuple[Matched, ...]
    under: tuple[Under, ...]

    def frames(self) -> dict[str, pd.DataFrame]:
        """The findings as tables: arms, contrasts, variants, matched, corrected, posterior."""
        return {
            "arms": to_frame([*self.result.arms, *([self.prompted] if self.prompted else [])]),
            "contrasts": to_frame(self.result.contrasts),
            "variants": to_frame(self.variants),
            "matched": to_frame(self.matched),
            "corrected": to_frame(self.corrected),
            "posterior": to_frame([row for one in self.under for row in one.posterior]),
        }


def examine(
    specs: Sequence[Spec],
    star: Sequence[str] = (),
    under_test: Sequence[Path] = (),
    priors: Mapping[str, float] | None = None,
    reader: str | None = None,
) -> Findings:
    """What the sign tells in these runs.

    Args:
        specs: of `reports.sign.labels.parse_spec`.
        star: the arms that were trained with STaR; by default those whose names begin with star.
        under_test: run folders of models of which it is not known how they were made.
        priors: arm -> weight, for those; by default all alike.
        reader: whose verdicts to take.

    Raises:
        FolderError: a folder is no run.
        InputError: labels or priors that do not fit, or nothing to compare.
    """
    return conclude(collect(specs, star, under_test, reader), priors)


def conclude(gathered: Gathered, priors: Mapping[str, float] | None = None) -> Findings:
    """The findings over what was gathered.

    Raises:
        InputError: nothing to compare, or priors that do not fit.
    """
    evidence, star, others = gathered.evidence, gathered.star, gathered.alternatives
    frame = evidence_of(gathered)
    result = analyse(frame, star, others)
    arms = {arm: arm_rows(gathered, arm) for arm in (*star, *others)}
    error = reader_error(evidence)
    return Findings(
        result=result,
        star=tuple(star),
        alternatives=tuple(others),
        questions=result.contrasts[0].ratio.questions,
        reader=evidence.reader,
        prompted=_prompted(gathered),
        corrected=tuple(corrected(arms, error)) if error is not None else (),
        variants=tuple(_variants(gathered, frame)),
        matched=tuple(at_matched_length(arms, star, others)),
        under=tuple(_under(gathered, one, frame, priors) for one in gathered.under),
    )


def _prompted(gathered: Gathered) -> ArmRate | None:
    """The rate where a breakdown was asked for."""
    import pandas as pd

    parts = [
        label(rows_of(gathered.evidence, one), one.arm, one.checkpoint, elicited=True)
        for one in gathered.labels
        if one.elicited
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return None
    import numpy as np

    cells = tables(pd.concat(parts, ignore_index=True))[PROMPTED]
    found = seed_rate(np.stack(list(cells.values())))
    return ArmRate(
        arm=PROMPTED,
        checkpoints={name: float(row.mean()) for name, row in cells.items()},
        questions=found.n,
        value=float(found.value or 0.0),
        low=found.low,
        high=found.high,
        method=found.method,
    )


def _variants(gathered: Gathered, frame: pd.DataFrame) -> Iterator[Variant]:
    star, others = gathered.star, gathered.alternatives
    wanted = {
        f"{OTHER_THRESHOLD:.0%} of the options": evidence_of(gathered, OTHER_THRESHOLD),
    }
    whole = gathered.evidence.frame
    sets = whole.drop_duplicates("question_id").groupby("probes", sort=False)["question_id"]
    for name, ids in sets if len(sets) > 1 else ():
        wanted[f"only {name}"] = frame[frame["question_id"].isin(set(ids))]
    for name, part in wanted.items():
        found = variant(name, part, star, others)
        if found is not None:
            yield found


def _under(
    gathered: Gathered, one: Labelled, frame: pd.DataFrame, priors: Mapping[str, float] | None
) -> Under:
    own = label(rows_of(gathered.evidence, one), one.arm, one.checkpoint)
    mine = own.groupby("question_id")["sign"].mean()
    shared = frame[frame["question_id"].isin(set(mine.index))]
    if shared["question_id"].nunique() < 2:
        raise InputError(
            f"{one.model} was not asked the questions of the arms in a spontaneous condition; run "
            f"the same probe set on it, with --conditions plain"
        )
    cells = tables(shared)
    rates = {arm: [float(row.mean()) for row in found.values()] for arm, found in cells.items()}
    asked = mine[mine.index.isin(set(shared["question_id"]))]
    weights = dict(priors) if priors else dict.fromkeys(rates, 1.0)
    shown = int((asked > 0.5).sum())
    try:
        found = posterior(shown, len(asked), rates, weights, len(asked))
    except ValueError as error:
        raise InputError(f"--prior: {error}") from None
    return Under(model=one.model, shown=shown, questions=len(asked), posterior=tuple(found))
