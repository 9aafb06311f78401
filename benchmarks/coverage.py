"""Do 95 % intervals hold the truth? Coverage and width of every estimator, by simulation.

    python benchmarks/coverage.py [--simulations 1000] [--reference]

For each number of questions and each shape of the values: the share of simulated runs whose
interval holds the true value, and the median width. Where an estimator gives no interval (too few
questions, or all alike and nothing to tell how far they might have differed) a dash stands.
`--reference` adds the width of the percentile bootstrap over questions, widened as for t
(Hesterberg 2015).

The last line names the least coverage of all; the exit status is 1 where it is under 93 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from starprobe.bench.statistics.intervals import (
    Estimate,
    Floats,
    expanded_percentiles,
    mean,
    rate,
    resample,
)
from starprobe.bench.statistics.paired import paired_mean, paired_rate

NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 97)
LEAST = 0.93
Draw = Callable[[np.random.Generator, int], tuple[Floats, np.ndarray]]
"""Generator and number of questions -> values, and the question of each."""


class Shape(NamedTuple):
    """How values are made, and their true mean over questions."""

    draw: Draw
    truth: float


class Estimator(NamedTuple):
    """A function of values and questions, and the shapes that it is meant for."""

    of: Callable[[Floats, np.ndarray], Estimate]
    shapes: dict[str, Shape]


def single(values: Callable[[np.random.Generator, int], Floats]) -> Draw:
    """One answer a question."""
    return lambda rng, n: (values(rng, n), np.arange(n))


def several(
    values: Callable[[np.random.Generator, np.ndarray], Floats],
    level: Callable[[np.random.Generator, int], Floats],
    answers: tuple[int, ...],
) -> Draw:
    """Some answers a question around the question's own level."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, np.ndarray]:
        questions = np.repeat(np.arange(n), rng.choice(answers, n))
        return values(rng, level(rng, n)[questions]), questions

    return draw


def coin(rng: np.random.Generator, p: np.ndarray) -> Floats:
    """Zeros and ones with these probabilities."""
    return (rng.random(len(p)) < p).astype(np.float64)


SHARES = {
    "all equal": Shape(single(lambda rng, n: np.ones(n)), 1.0),
    "nearly equal (2 %)": Shape(single(lambda rng, n: coin(rng, np.full(n, 0.02))), 0.02),
    "skewed (10 %)": Shape(single(lambda rng, n: coin(rng, np.full(n, 0.1))), 0.1),
    "even": Shape(single(lambda rng, n: coin(rng, np.full(n, 0.5))), 0.5),
    "unbalanced": Shape(several(coin, lambda rng, n: rng.beta(0.5, 0.5, n), (1, 1, 1, 8)), 0.5),
    "clustered": Shape(several(coin, lambda rng, n: rng.beta(0.3, 0.9, n), (6,)), 0.25),
}
BOUNDED = {
    "all equal": Shape(single(lambda rng, n: np.full(n, 0.2)), 0.2),
    "nearly equal": Shape(single(lambda rng, n: np.where(rng.random(n) < 0.1, 1.0, 0.2)), 0.28),
    "skewed": Shape(single(lambda rng, n: rng.beta(0.2, 2, n)), 0.2 / 2.2),
    "unbalanced": Shape(
        several(lambda rng, p: 0.2 + 0.8 * coin(rng, p), lambda rng, n: rng.beta(1, 9, n), (1, 8)),
        0.28,
    ),
    "clustered": Shape(
        several(lambda rng, p: rng.binomial(5, p) / 5, lambda rng, n: rng.beta(1, 3, n), (6,)), 0.25
    ),
}
POSITIVE = {
    "all equal": Shape(single(lambda rng, n: np.full(n, 40.0)), 40.0),
    "nearly equal": Shape(single(lambda rng, n: 40.0 + rng.integers(-2, 3, n)), 40.0),
    "skewed": Shape(single(lambda rng, n: rng.lognormal(4, 1, n)), float(np.exp(4.5))),
    "unbalanced": Shape(
        several(
            lambda rng, m: m * rng.gamma(4, 0.25, len(m)),
            lambda rng, n: rng.lognormal(4, 0.7, n),
            (1, 1, 8),
        ),
        float(np.exp(4 + 0.245)),
    ),
    "clustered": Shape(
        several(
            lambda rng, m: m + rng.exponential(10, len(m)),
            lambda rng, n: rng.exponential(30, n) + 5,
            (6,),
        ),
        45.0,
    ),
}
SCORES = {
    "all equal": Shape(single(lambda rng, n: np.full(n, -1.0)), -1.0),
    "nearly equal": Shape(single(lambda rng, n: rng.normal(-1, 0.01, n)), -1.0),
    "skewed": Shape(single(lambda rng, n: rng.gamma(4, 1, n) - 6), -2.0),
    "unbalanced": Shape(
        several(lambda rng, m: rng.normal(m, 1), lambda rng, n: rng.normal(-1, 1, n), (1, 8)), -1.0
    ),
    "clustered": Shape(
        several(lambda rng, m: rng.normal(m, 1), lambda rng, n: rng.normal(-1, 1, n), (6,)), -1.0
    ),
}


def change(gained: float, lost: float) -> Draw:
    """Changes of zeros and ones, one answer a question; before and after in turn."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, np.ndarray]:
        luck, coins = rng.random(n), coin(rng, np.full(n, 0.5))
        before = np.where(luck < gained, 0.0, np.where(luck < gained + lost, 1.0, coins))
        after = np.where(luck < gained, 1.0, np.where(luck < gained + lost, 0.0, coins))
        return np.stack([before, after]), np.arange(n)

    return draw


def repeated_change(answers: tuple[int, ...]) -> Draw:
    """Questions of their own difficulty, asked several times before and after: 0.15 more."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, np.ndarray]:
        questions = np.repeat(np.arange(n), rng.choice(answers, n))
        ease = rng.beta(0.8, 1.2, n)[questions]
        after = np.maximum(coin(rng, ease), coin(rng, np.full(len(ease), 0.25)))
        return np.stack([coin(rng, ease), after]), questions

    return draw


CHANGES = {
    "all equal": Shape(change(0.0, 0.0), 0.0),
    "nearly equal (1 %)": Shape(change(0.01, 0.0), 0.01),
    "skewed (5 %)": Shape(change(0.05, 0.0), 0.05),
    "both ways": Shape(change(0.3, 0.2), 0.1),
    "nearly all": Shape(change(0.9, 0.0), 0.9),
    "unbalanced": Shape(repeated_change((1, 1, 8)), 0.15),
    "clustered": Shape(repeated_change((6,)), 0.15),
}


def lengths(answers: tuple[int, ...], spread: float) -> Draw:
    """Lengths before and after, five more after."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, np.ndarray]:
        questions = np.repeat(np.arange(n), rng.choice(answers, n))
        base = rng.exponential(40, n)[questions]
        noise = spread * rng.standard_t(6, (2, len(questions)))
        return np.stack([base + noise[0], base + noise[1] + 5]), questions

    return draw


MOVES = {
    "all equal": Shape(lengths((1,), 0.0), 5.0),
    "nearly equal": Shape(lengths((1,), 0.01), 5.0),
    "skewed": Shape(lengths((1,), 20.0), 5.0),
    "unbalanced": Shape(lengths((1, 1, 8), 20.0), 5.0),
    "clustered": Shape(lengths((6,), 20.0), 5.0),
}
ESTIMATORS = {
    "share": Estimator(rate, SHARES),
    "bounded mean": Estimator(lambda v, q: mean(v, q, bounded=True), BOUNDED),
    "mean of positive numbers": Estimator(mean, POSITIVE),
    "mean of scores": Estimator(mean, SCORES),
    "paired difference of shares": Estimator(
        lambda v, q: paired_rate(v[0], v[1], q).difference, CHANGES
    ),
    "paired difference of means": Estimator(
        lambda v, q: paired_mean(v[0], v[1], q).difference, MOVES
    ),
}


class Found(NamedTuple):
    """What simulation shows of one estimator, shape and number of questions."""

    coverage: float | None
    """Of the runs that gave an interval; None where hardly any did."""
    width: float
    reference: float | None = None


def simulate(
    estimator: Estimator, shape: Shape, n: int, times: int, reference: bool = False
) -> Found:
    """Coverage and median width over this many simulated runs of n questions."""
    rng = np.random.default_rng(n)
    held, widths, others = [], [], []
    for number in range(times):
        values, questions = shape.draw(rng, n)
        found = estimator.of(values, questions)
        if found.low is None or found.high is None:
            continue
        slack = 1e-9 * max(1.0, abs(shape.truth))
        held.append(found.low - slack <= shape.truth <= found.high + slack)
        widths.append(found.high - found.low)
        if reference and number < 20:
            others.append(bootstrap_width(values, questions))
    if len(held) < times / 20:
        return Found(None, 0.0)
    other = float(np.median(others)) if others else None
    return Found(float(np.mean(held)), float(np.median(widths)), other)


def bootstrap_width(values: Floats, questions: np.ndarray) -> float:
    """The width of the percentile bootstrap over questions, of all responses."""
    per_response = values if values.ndim == 1 else values[1] - values[0]
    columns = np.column_stack(
        [np.bincount(questions, weights=per_response), np.bincount(questions)]
    ).astype(np.float64)
    drawn = resample(columns, 1000)
    low, high = expanded_percentiles(drawn[:, 0] / drawn[:, 1], len(columns))
    return high - low


def main() -> int:
    """Prints the grid; 1 where anything is covered in less than 93 % of runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--only", default="", help="estimators whose name holds this")
    options = parser.parse_args()
    console, least, where = Console(width=190), 1.0, ""
    for name, estimator in ESTIMATORS.items():
        if options.only not in name:
            continue
        table = Table(title=f"{name}: coverage, width", title_justify="left")
        for column in ("values", *(f"n={n}" for n in NUMBERS)):
            table.add_column(column, no_wrap=True)
        for label, shape in estimator.shapes.items():
            cells = []
            for n in NUMBERS:
                wanted = options.reference and n >= 10
                found = simulate(estimator, shape, n, options.simulations, wanted)
                cells.append(shown(found))
                if found.coverage is not None and found.coverage < least:
                    least, where = found.coverage, f"{name}, {label}, n={n}"
            table.add_row(label, *cells)
        console.print(table)
    console.print(f"least coverage: {least:.3f} ({where})")
    return int(least < LEAST)


def shown(found: Found) -> str:
    """Coverage in percent and width: `95 .20`, and the bootstrap's width behind it."""
    if found.coverage is None:
        return "-"
    width = f"{found.width:.2f}" if found.width < 10 else f"{found.width:.0f}"
    other = "" if found.reference is None else f" ({found.reference:.2f})"
    return f"{100 * found.coverage:.1f} {width}{other}"


if __name__ == "__main__":
    sys.exit(main())
