"""The test questions: asked once of the base and of the chosen iteration, and never to choose.

They are asked when the choice has been made, plainly and greedily, as the validation questions are;
what was asked is not asked again. With `test_every` the other iterations are asked too, to draw the
curve that papers show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from starprobe.bench.metrics.compare import adjust, comparison
from starprobe.bench.records import Comparison
from starprobe.bench.statistics.paired import paired_rate
from starprobe.star.filters import decide
from starprobe.star.measure import answered_numbers
from starprobe.star.phases import Phases
from starprobe.star.prompts import PLAIN, ask_validation
from starprobe.star.reading import read
from starprobe.star.records import Exam, Sample, Scored
from starprobe.star.sampling import generate_missing
from starprobe.star.storage import Iteration
from starprobe.star.work import Work

COMPARED: dict[str, Callable[[Sample], float]] = {
    "accuracy": lambda one: float(one.correct is True),
    "outcome_answered": lambda one: float(one.outcome == "answered"),
    "full_breakdown": lambda one: math.nan if one.coverage is None else float(one.coverage == 1),
}
"""Metrics by their names in bench, from a sample."""


def take_test(work: Work) -> None:
    """Asks what has not been asked, and writes test.json; nothing where no test is wanted.

    Raises:
        FolderError: the test questions changed since the training began.
    """
    test, training = work.test, work.training
    if test is None:
        return
    best = training.best or 0
    done = [one.iteration for one in training.iterations()]
    wanted = done if work.config.test_every else [0, best]
    asked = {number: ask_of(work, training.iteration(number)) for number in dict.fromkeys(wanted)}
    questions = {one.id: one for one in test.questions}
    names = (work.config.model, training.iteration(best).path.name)
    tested = Exam(
        test=work.config.test,
        hash=test.hash,
        best=best,
        scored=tuple(
            Scored(iteration=number, **answered_numbers(samples, questions))
            for number, samples in asked.items()
        ),
        comparisons=compared(asked[0], asked[best], names) if best else (),
    )
    if tested != training.tested():
        training.write_tested(tested)


def ask_of(work: Work, iteration: Iteration) -> list[Sample]:
    """One model's responses to the test questions, read; kept in the iteration's folder."""
    if work.test is not None and not iteration.has("test.jsonl"):
        questions = {one.id: one for one in work.test.questions}
        asked = [
            ask_validation(one, work.config, index, "t")
            for index, one in enumerate(work.test.questions)
        ]
        with Phases(iteration).timed("testing") as count:
            backend = work.models.get(iteration.adapter if iteration.number else None)
            rows = generate_missing(iteration, "test", asked, backend, work.watcher)
            count(rows)
        reads = [read(row, questions[row.question_id], work.classifier) for row in rows]
        iteration.write("test.jsonl", [decide(one, ()) for one in reads])
    return iteration.test()


def compared(
    before: Sequence[Sample], after: Sequence[Sample], names: tuple[str, str]
) -> tuple[Comparison, ...]:
    """Two models on the same questions: right, answered, and where there are options, all weighed.

    Args:
        before: the responses of the one.
        after: those of the other.
        names: what the two are called.
    """
    later = {sample.question_id: sample for sample in after}
    pairs = [(one, later[one.question_id]) for one in before if one.question_id in later]
    clusters = np.array([one.question_id for one, _ in pairs])
    found = []
    for name, value in COMPARED.items():
        first = np.array([value(one) for one, _ in pairs])
        second = np.array([value(other) for _, other in pairs])
        row = comparison(name, "rate", (*names, PLAIN), paired_rate(first, second, clusters))
        if row.pairs:
            found.append(row)
    return tuple(adjust(found))
