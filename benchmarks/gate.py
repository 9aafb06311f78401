"""Simulated training loops: how often the gate stops one that is still getting better.

python benchmarks/gate.py [--loops N]

A loop has ten rounds; each round's true accuracy is 0.47 plus so many points a round. Of a share of
the questions (0.7) difficulty is fixed, the others are a fresh draw each round. By point values:
stop after two rounds without a higher one. By the interval: stop after two for which a gain of two
points over the best before is ruled out (`star.measure.why_stop`).
"""

from __future__ import annotations

import argparse

import numpy as np

from starprobe.bench.metrics.compare import comparison
from starprobe.bench.statistics.paired import paired_rate
from starprobe.star.config import make_config
from starprobe.star.measure import best_of, share, why_stop
from starprobe.star.records import IterationMetrics

ROUNDS, START, FIXED, PATIENCE = 10, 0.47, 0.7, 2
CONFIG = make_config("smollm2", "numbers:train", overrides={"patience": PATIENCE})


def answers(questions: int, gain: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Right or not, a row a round, of the base (row 0) and every round."""
    ease = rng.random(questions)
    fixed = rng.random(questions) < FIXED
    return [
        (np.where(fixed, ease, rng.random(questions)) < START + gain * number).astype(float)
        for number in range(ROUNDS + 1)
    ]


def by_points(right: list[np.ndarray]) -> tuple[int, int]:
    """(rounds run, round chosen) by point values and patience."""
    best = 1
    for number in range(1, ROUNDS + 1):
        if right[number].mean() > right[best].mean():
            best = number
        if number - best >= PATIENCE:
            return number, best
    return ROUNDS, best


def by_interval(right: list[np.ndarray]) -> tuple[int, int]:
    """(rounds run, round chosen) by the paired interval of the gain."""
    questions = np.arange(len(right[0]))
    done = [IterationMetrics(iteration=0, accuracy=share(int(right[0].sum()), len(questions)))]
    for number in range(1, ROUNDS + 1):
        best = best_of(done)
        paired = paired_rate(right[best], right[number], questions)
        gain = comparison("accuracy", "rate", ("a", "b", "plain"), paired)
        accuracy = share(int(right[number].sum()), len(questions))
        done.append(IterationMetrics(iteration=number, accuracy=accuracy, gain=gain))
        if why_stop(done, CONFIG):
            return number, best_of(done)
    return ROUNDS, best_of(done)


def main() -> None:
    """Prints a table: questions, true points a round, and what each rule does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loops", type=int, default=200)
    loops = parser.parse_args().loops
    print(
        "questions  points/round  rule      stopped early %  rounds run  chosen  points given away"
    )
    for questions in (60, 300, 1000):
        for gain in (0.02, 0.0):
            rng = np.random.default_rng(7)
            runs = [answers(questions, gain, rng) for _ in range(loops)]
            for name, rule in (("points", by_points), ("interval", by_interval)):
                found = [rule(right) for right in runs]
                ran = np.array([one[0] for one in found])
                chosen = np.array([one[1] for one in found])
                lost = 100 * gain * (ROUNDS - chosen)
                early = 100 * np.mean(ran < ROUNDS)
                print(
                    f"{questions:9d}  {100 * gain:12.0f}  {name:8}  {early:15.0f}"
                    f"  {ran.mean():10.1f}  {chosen.mean():6.1f}  {lost.mean():17.1f}"
                )


if __name__ == "__main__":
    main()
