"""What each factor of a design does: order of the options, wording of the stem, labels.

A design crosses them, as blocks of a suite do. One factor is judged with the others held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from starprobe.bench.metrics.compare import PLAIN, comparison, judged
from starprobe.bench.metrics.contrasts import METRICS
from starprobe.bench.metrics.definitions import BY_NAME
from starprobe.bench.records import Comparison
from starprobe.bench.statistics.intervals import Floats
from starprobe.bench.statistics.paired import paired_mean, paired_rate

if TYPE_CHECKING:
    import pandas as pd

FACTORS = ("order", "wording", "labels")


def levels_of(condition: str) -> tuple[str, str, str]:
    """A condition without its wording and labels, and which these are.

    `scratchpad+labels_digits+paraphrase1` is (`scratchpad`, `1`, `digits`).
    """
    wording, labels, rest = "0", "upper", []
    for part in condition.split("+"):
        if part.startswith("paraphrase"):
            wording = part.removeprefix("paraphrase")
        elif part.startswith("labels_"):
            labels = part.removeprefix("labels_")
        else:
            rest.append(part)
    return "+".join(rest) or PLAIN, wording, labels


def factor_effects(frame: pd.DataFrame, metrics: Sequence[str] = METRICS) -> list[Comparison]:
    """Each level of a factor against its first one, for each model and condition with a design.

    A design has two factors or more, and responses in every combination of their levels, though a
    question may be asked in a part of them. The difference is the coefficient of the level in a
    linear model with all factors and an intercept for each question; where every question is asked
    in all combinations, it is the mean difference of a question's means. Its interval and test are
    those of all comparisons, over the questions' shares in the coefficient, whose variance is the
    cluster-robust one (Cameron & Miller 2015, J. Human Resources 50:317); p is adjusted over the
    rows of one model. Nothing where a question's combinations do not tell the factors apart.

    Args:
        frame: of `bench.metrics.frame`.
        metrics: what is compared.
    """
    named = {str(name): levels_of(str(name)) for name in frame["condition"].drop_duplicates()}
    parts = [named[str(name)] for name in frame["condition"]]
    told = frame.assign(
        base=[part[0] for part in parts],
        wording=[part[1] for part in parts],
        labels=[part[2] for part in parts],
    )
    found: list[Comparison] = []
    for model, rows in told.groupby("model", sort=False):
        designs = rows.groupby("base", sort=False)
        names = [(str(model), str(base), one) for base, one in designs]
        found += judged([row for name in names for row in _of_design(*name, metrics)])
    return found


def _of_design(
    model: str, base: str, design: pd.DataFrame, metrics: Sequence[str]
) -> Iterator[Comparison]:
    """The comparisons of one model in one condition; none where its factors are not crossed."""
    levels = {name: sorted(design[name].drop_duplicates(), key=_first) for name in FACTORS}
    asked = set(zip(*(design[name] for name in FACTORS), strict=True))
    contrasts = [(name, other) for name in FACTORS for other in levels[name][1:]]
    varied = {name for name, _ in contrasts}
    if len(varied) < 2 or asked != set(product(*(levels[name] for name in FACTORS))):
        return
    columns = np.stack([(design[name] == other).to_numpy() for name, other in contrasts], axis=1)
    questions = np.unique(design["question"].to_numpy(), return_inverse=True)[1]
    for metric in metrics:
        definition = BY_NAME[metric]
        values = definition.values(design)
        shares = _shares(values, columns.astype(np.float64), questions)
        if shares is None:
            continue
        for place, (name, other) in enumerate(contrasts):
            over = paired_rate if definition.within_bounds else paired_mean
            own = shares[:, place]
            found = over(np.zeros(len(own)), own, np.arange(len(own)))
            first = float(np.nanmean(values[(design[name] == levels[name][0]).to_numpy()]))
            after = first + (found.difference.value or 0.0)
            found = found._replace(before=first, after=after, before_only=None, after_only=None)
            heading = f"{base}, {name} {levels[name][0]} -> {other}"
            names = model, model, heading
            row = comparison(metric, definition.kind, names, found, definition.within_bounds)
            yield row.model_copy(update={"role": "exploratory"})


def _shares(values: Floats, columns: Floats, questions: np.ndarray) -> Floats | None:
    """Questions x columns: numbers whose mean is a column's coefficient, one a question.

    A question's number is the coefficient and n times what its residuals add to it, these widened
    for the coefficients and intercepts that were fitted. None where the columns are not told apart.
    """
    kept = ~np.isnan(values)
    kept &= np.bincount(questions[kept], minlength=questions.max() + 1)[questions] > 1
    values, columns = values[kept], columns[kept]
    questions = np.unique(questions[kept], return_inverse=True)[1]
    table = np.column_stack([columns, values])
    counts = np.bincount(questions)
    for place in range(table.shape[1]):
        table[:, place] -= (np.bincount(questions, table[:, place]) / counts)[questions]
    inside, outcome = table[:, :-1], table[:, -1]
    gram = inside.T @ inside
    freedom = len(values) - len(counts) - len(gram)
    if freedom < 1 or np.linalg.matrix_rank(gram) < len(gram):
        return None
    slopes = np.linalg.solve(gram, inside.T @ outcome)
    pulls = inside * (outcome - inside @ slopes)[:, None]
    scores = np.stack([np.bincount(questions, pull) for pull in pulls.T], axis=1)
    added = len(counts) * np.sqrt(len(values) / freedom) * np.linalg.solve(gram, scores.T).T
    return np.asarray(slopes + added, dtype=np.float64)


def _first(level: object) -> tuple[bool, str]:
    """The stem, file order and capital letters come before the other levels."""
    return str(level) not in ("0", "upper"), str(level)
