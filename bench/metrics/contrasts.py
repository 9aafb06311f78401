"""What a run compares by itself: conditions with twins, orders, factors of a design, two models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from starprobe.bench.metrics.compare import (
    PLAIN,
    Cell,
    cell_of,
    compared,
    comparison,
    judged,
    role_of,
)
from starprobe.bench.metrics.definitions import BY_NAME, PRIMARY
from starprobe.bench.records import Comparison, Standing
from starprobe.bench.statistics.intervals import LEVEL, Floats, rate
from starprobe.bench.statistics.paired import holm, paired
from starprobe.probes.conditions import Condition, get_condition
from starprobe.probes.errors import InputError, UserError

if TYPE_CHECKING:
    import pandas as pd


KEYS = ("question", "arranged", "repeat")
METRICS = (PRIMARY, "coverage", "accuracy", "outcome_answered", "tokens")
BY_SET = (PRIMARY, "accuracy")
"""What is compared set by set too, where there are several."""
FACTORS = ("order", "wording", "labels")
"""What a design crosses, as blocks of a suite do; one is judged with the others held."""
Part = Literal["elicited", "hinted"]
"""Of a condition: it asks for reasons, or presents an option as right."""


def own_twins(table: pd.DataFrame) -> dict[str, str]:
    """Condition -> the twin that it names itself, of a frame's conditions."""
    if "twin" not in table:
        return {}
    named = table[table["twin"] != ""].drop_duplicates("condition")
    return {str(c): str(t) for c, t in zip(named["condition"], named["twin"], strict=True)}


def hinted_pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(unhinted, hinted) conditions of a frame."""
    hinted = set(table.loc[table["hinted"].notna(), "condition"].astype(str))
    own = {name: twin for name, twin in own_twins(table).items() if name in hinted}
    return twins(table["condition"].astype(str), "hinted", own)


def elicited_pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(spontaneous, elicited) conditions of a frame, and a user's own that do not hint."""
    hinted = set(table.loc[table["hinted"].notna(), "condition"].astype(str))
    own = {name: twin for name, twin in own_twins(table).items() if name not in hinted}
    return twins(table["condition"].astype(str), "elicited", own)


def condition_pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(twin, condition) for all conditions of a frame that have one.

    What asks for reasons is held against the same without, what hints against the same without, and
    everything else (other words, other labels, examples, another instruction) against `plain`.
    """
    names = [str(name) for name in table["condition"].drop_duplicates()]
    found = elicited_pairs(table) + hinted_pairs(table)
    paired = {after for _, after in found}
    if PLAIN in names:
        found += [(PLAIN, name) for name in names if name != PLAIN and name not in paired]
    return found


def twins(
    names: Iterable[str], part: Part, own: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """(without, with) pairs of conditions that differ only in the parts of this kind.

    `scratchpad+hinted` has the unhinted twin `scratchpad`, and `scratchpad` the spontaneous twin
    `plain`. Conditions whose twin was not run, and names that are not known, have no pair.

    Args:
        names: of the conditions that were run.
        part: what is to be left out: what asks for reasons, or presents an option as right.
        own: condition -> twin, of those that name it themselves.
    """
    there = list(dict.fromkeys(names))
    pairs = [((own or {}).get(name) or without(name, part), name) for name in there]
    return [(twin, name) for twin, name in pairs if twin is not None and twin in there]


def without(name: str, part: Part) -> str | None:
    """The condition's name without its parts of this kind; None where there are none."""
    parts = name.split("+")
    try:
        kept = [one for one in parts if not getattr(get_condition(one), part)]
    except InputError:
        # A user's own condition: its file is not known here.
        return None
    if len(kept) == len(parts):
        return None
    return "+".join(kept) or PLAIN


def known_condition(name: str) -> Condition | None:
    """The condition of this name; None where it is not known here."""
    try:
        return get_condition(name)
    except UserError:
        return None


def spontaneous(name: str) -> bool:
    """Whether a condition neither asks for reasons nor hints; False for unknown names."""
    condition = known_condition(name)
    return condition is not None and not condition.elicited and not condition.hinted


def elicited_only(name: str) -> bool:
    """Whether a condition asks for reasons and does not hint; False for unknown names."""
    condition = known_condition(name)
    return condition is not None and condition.elicited and not condition.hinted


def contrasts(frame: pd.DataFrame) -> list[Comparison]:
    """Each condition against its twin, and each order of the options against the first, by model.

    The condition of a row reads `plain -> scratchpad` or `plain, order 0 -> 2`. All are
    exploratory; p is adjusted over those of one model.
    """
    found: list[Comparison] = []
    for model, table in frame.groupby("model", sort=False):
        cells = [*_of_conditions(str(model), table), *_of_orders(str(model), table)]
        found += compared(cells, METRICS)
    return found


def _of_conditions(model: str, table: pd.DataFrame) -> Iterator[Cell]:
    for before, after in condition_pairs(table):
        names = model, model, f"{before} -> {after}"
        one, two = (table[table["condition"] == name] for name in (before, after))
        cell = cell_of(names, one, two, KEYS)
        if cell is not None:
            yield cell


def _of_orders(model: str, table: pd.DataFrame) -> Iterator[Cell]:
    for condition, rows in table.groupby("condition", sort=False):
        if not spontaneous(str(condition)):
            continue
        for order in sorted(set(rows["order"]) - {0}):
            names = model, model, f"{condition}, order 0 -> {order}"
            one, two = (rows[rows["order"] == number] for number in (0, order))
            cell = cell_of(names, one, two, ("question", "repeat"))
            if cell is not None:
                yield cell


class Sheet(NamedTuple):
    """The numbers of one model in one condition, sorted by question, order and repeat."""

    keys: NDArray[Any]
    """Of each row: question, order and repeat as one word."""
    questions: NDArray[Any]
    orders: NDArray[Any]
    probes: NDArray[Any]
    values: dict[str, Floats]
    """Metric -> a number a row."""


def sheets_of(
    frame: pd.DataFrame, metrics: Sequence[str], models: Sequence[str] = ()
) -> dict[tuple[str, str], Sheet]:
    """(model, condition) -> its sheet: each metric is worked out once and not for every pair."""
    found = {}
    for (model, condition), rows in frame.groupby(["model", "condition"], sort=False):
        if not models or model in models:
            rows = rows.sort_values([*KEYS, "mark"]).drop_duplicates(list(KEYS))
            words = [f"{q}|{a}|{r}" for q, a, r in zip(*(rows[key] for key in KEYS), strict=True)]
            found[str(model), str(condition)] = Sheet(
                np.array(words, dtype=object),
                rows["question"].to_numpy(),
                rows["arranged"].to_numpy(),
                rows["probes"].to_numpy(),
                {name: BY_NAME[name].values(rows) for name in metrics},
            )
    return found


def between_models(
    frame: pd.DataFrame, models: Sequence[str] = (), metrics: Sequence[str] = METRICS
) -> list[Comparison]:
    """Each two models on the same questions, in each condition that both were asked in, and by set.

    Families are those of one pair of models, so that no number of a pair hangs on a third model.

    Raises:
        InputError: a model that is not there.
    """
    there = [str(name) for name in frame["model"].drop_duplicates()]
    missing = [name for name in models if name not in there]
    if missing:
        raise InputError(f"no model {missing[0]!r} here; there is: {', '.join(there)}")
    sheets = sheets_of(frame, metrics, models)
    conditions = [str(name) for name in frame["condition"].drop_duplicates()]
    found: list[Comparison] = []
    for pair in combinations(list(models) or there, 2):
        rows = [
            row
            for condition in conditions
            if all((model, condition) in sheets for model in pair)
            for row in _of_sheets(pair, condition, sheets, metrics)
        ]
        found += judged(rows)
    return found


def _of_sheets(
    pair: tuple[str, str],
    condition: str,
    sheets: Mapping[tuple[str, str], Sheet],
    metrics: Sequence[str],
) -> Iterator[Comparison]:
    """The comparisons of two models in one condition; in the headline one, by question set too."""
    one, two = (sheets[model, condition] for model in pair)
    _, first, second = np.intersect1d(one.keys, two.keys, return_indices=True)
    asked = len(set(one.questions) | set(two.questions))
    unmatched = asked - len(set(one.questions[first]))
    for name in metrics if len(first) else ():
        row = _of_rows(pair, condition, name, one, two, (first, second))
        role = role_of(name, condition)
        yield row.model_copy(update={"role": role, "unmatched": unmatched})
    sets = list(dict.fromkeys(np.sort(one.probes[first])))
    for probes in sets if condition == PLAIN and len(sets) > 1 else ():
        inside = one.probes[first] == probes
        for name in (name for name in BY_SET if name in metrics):
            row = _of_rows(pair, condition, name, one, two, (first[inside], second[inside]))
            yield row.model_copy(update={"probes": str(probes)})


def _of_rows(
    pair: tuple[str, str],
    condition: str,
    metric: str,
    one: Sheet,
    two: Sheet,
    rows: tuple[NDArray[Any], NDArray[Any]],
) -> Comparison:
    definition, (first, second) = BY_NAME[metric], rows
    found = paired(
        one.values[metric][first],
        two.values[metric][second],
        one.questions[first],
        one.orders[first],
        bounded=definition.within_bounds,
    )
    names = *pair, condition
    return comparison(metric, definition.kind, names, found, definition.within_bounds)


def standings(frame: pd.DataFrame, metric: str = PRIMARY) -> list[Standing]:
    """The models of a frame by one metric, asked for nothing, in groups that are told apart.

    A model's best and worst rank are what the paired tests of all pairs (Holm) leave open. Highest
    first; empty where fewer than two models were asked for nothing.
    """
    rows = frame[frame["condition"] == PLAIN]
    models = [str(name) for name in rows["model"].drop_duplicates()]
    if len(models) < 2:
        return []
    found = [row for row in between_models(rows, metrics=(metric,)) if not row.probes]
    adjusted = holm([row.p for row in found])
    above: dict[str, set[str]] = {name: set() for name in models}
    for row, p in zip(found, adjusted, strict=True):
        if row.difference and p is not None and p < 1 - LEVEL:
            low, high = (row.model_before, row.model_after)[:: 1 if row.difference > 0 else -1]
            above[low].add(high)
    standing = [_standing(name, rows, metric, above) for name in models]
    return sorted(standing, key=lambda one: -(one.value if one.value is not None else -1))


def _standing(
    model: str, rows: pd.DataFrame, metric: str, above: Mapping[str, set[str]]
) -> Standing:
    own = rows[rows["model"] == model]
    value = rate(
        BY_NAME[metric].values(own), own["question"].to_numpy(), own["arranged"].to_numpy()
    )
    below = sum(model in higher for higher in above.values())
    return Standing(
        model=model,
        metric=metric,
        condition=PLAIN,
        value=value.value,
        low=value.low,
        high=value.high,
        n=value.n,
        best_rank=len(above[model]) + 1,
        worst_rank=len(above) - below,
    )


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
            own, within = shares[:, place], definition.within_bounds
            found = paired(np.zeros(len(own)), own, np.arange(len(own)), bounded=within)
            first = float(np.nanmean(values[(design[name] == levels[name][0]).to_numpy()]))
            after = first + (found.difference.value or 0.0)
            found = found._replace(before=first, after=after, before_only=None, after_only=None)
            heading = f"{base}, {name} {levels[name][0]} -> {other}"
            names = model, model, heading
            row = comparison(metric, definition.kind, names, found, within)
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
