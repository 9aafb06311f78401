"""What is shown at the end: every number that issue and papers watch, and no empty column."""

from __future__ import annotations

import io

from rich.console import Console

from starprobe.bench.records import Usage
from starprobe.star.measure import answered_numbers, sampling_numbers, share
from starprobe.star.records import Exam, IterationMetrics, Scored, TrainingStats
from starprobe.star.tables import by_iteration, tables
from tests.star.test_deciding import question, sample


def shown(done: list[IterationMetrics], tested: Exam | None = None, width: int = 200) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as capture:
        for table in tables(done, tested):
            console.print(table)
    return capture.get()


QUESTIONS = {name: question(name, "What?") for name in "ab"}
ROWS = [
    sample("a", 0, usage=Usage(completion_tokens=10)),
    sample("a", 1, usage=Usage(completion_tokens=20), shown={"A": "o2", "B": "o1"}),
    sample(
        "b",
        0,
        usage=Usage(completion_tokens=60),
        correct=False,
        kept=False,
        reason="wrong",
        answer="o2",
    ),
    sample("b", 1, correct=None, answer=None, outcome="no_answer", kept=False, reason="no_answer"),
]


def test_letters_chosen_stand_beside_those_that_were_right() -> None:
    numbers = sampling_numbers(ROWS, None, QUESTIONS)
    assert numbers["sample_letters"] == {"A": 1, "B": 2}
    assert numbers["sample_gold"] == {"A": 3, "B": 1}
    assert (numbers["sample_length"], numbers["kept_length"]) == (24.75, 15)
    plain = answered_numbers(ROWS, QUESTIONS)
    assert plain["gold"] == {"A": 3, "B": 1} and plain["answered"].value == 0.75


def test_every_watched_number_of_an_iteration_is_printed() -> None:
    stats = TrainingStats(
        rows=2, tokens=900, steps=4, losses=((1, 2.5), (4, 0.5)), token_accuracy=0.9, seconds=3
    )
    metrics = IterationMetrics(
        iteration=1, **sampling_numbers(ROWS, frozenset({"b"}), QUESTIONS),
        **answered_numbers(ROWS, QUESTIONS), train_rows=8, rationalized=5, rationalized_rows=2,
        rationalized_share=0.25, rationalized_reasons={"leak": 3, "kept": 2}, training=stats,
        seconds={"sampling": 120.0, "training": 30.0}, tokens={"sampling": 1234, "training": 900},
    )  # fmt: skip
    text = shown([IterationMetrics(iteration=0, accuracy=share(3, 10)), metrics])
    for told in (
        "pass@k %", "maj@k %", "1/2", "of kept", "2 (25 %)", "2.50-0.50", "2.0 (1,234)",
        "A 1 (3)  B 2 (1)", "silent %", "30 (11-60)", "0 + 3", "different right rationales",
        "cut %", "options %", "token right %",
    ):  # fmt: skip
        assert told in text, told
    assert "by the last number" not in text and "judges, $" not in text
    assert "…" not in shown([metrics], width=80)


def test_a_table_without_anything_is_not_shown() -> None:
    assert by_iteration("x", [IterationMetrics(iteration=0)], {"a": lambda one: ""}) is None
    assert shown([IterationMetrics(iteration=0)]) == ""


def test_the_test_says_which_iteration_was_chosen() -> None:
    scored = tuple(
        Scored(iteration=i, accuracy=share(5 + i, 20), flexible=share(9, 20)) for i in (0, 1, 2)
    )
    text = shown([], Exam(test="gsm", hash="x", best=2, scored=scored))
    assert "gsm, 20 questions" in text and "2 (chosen)" in text and "by the last number" in text
    assert "1 (chosen)" not in text and "all options" not in text
