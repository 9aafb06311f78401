"""Numbers of an iteration, the best one, when to stop, and the tables that people read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from starprobe.bench.records import Usage
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Option, ProbeSet, Question
from starprobe.star.config import make_config
from starprobe.star.evaluate import gain_over
from starprobe.star.measure import (
    alarms,
    answered_numbers,
    best_of,
    distinct,
    few_questions,
    majority_right,
    pass_at_k,
    sampling_numbers,
    share,
    why_stop,
)
from starprobe.star.questions import contaminated, split
from starprobe.star.records import Exam, IterationMetrics, Sample, Scored, TrainingStats
from starprobe.star.sample import questions_to_ask, replay
from starprobe.star.tables import by_iteration, tables
from starprobe.star.tuning.rows import rejected_for
from starprobe.star.verify import closing_number, same_number

CONFIG = make_config("smollm2", "numbers:train")


def sample(question: str = "q", repeat: int = 0, **changed: Any) -> Sample:
    right = changed.get("reason", "kept") == "kept"
    values: dict[str, Any] = {
        "id": f"{question}#{repeat}",
        "question_id": question,
        "repeat": repeat,
        "source": "sampled",
        "order": 0,
        "prompt_id": "p",
        "model": "m",
        "shown": {"A": "o1", "B": "o2"},
        "seed": 0,
        "text": f"(A) one: {repeat}. The answer is (A) one.",
        "finish_reason": "stop",
        "usage": Usage(completion_tokens=9),
        "answer": "o1" if right else "o2",
        "outcome": "answered",
        "correct": right,
        "style": "partial",
        "coverage": 0.5,
        "kept": right,
        "reason": "kept",
    }
    return Sample(**(values | changed))


def question(name: str, stem: str, *options: str) -> Question:
    made = tuple(Option(id=f"o{i}", text=text) for i, text in enumerate(options or ("x", "y"), 1))
    return Question(id=name, stem=stem, options=made, answer_id="o1")


def metrics(iteration: int, accuracy: float | None) -> IterationMetrics:
    found = None if accuracy is None else share(round(accuracy * 100), 100)
    return IterationMetrics(iteration=iteration, accuracy=found)


def test_the_best_iteration_has_the_highest_validation_accuracy_the_earlier_of_equals() -> None:
    assert best_of([metrics(0, 0.9), metrics(1, 0.4), metrics(2, 0.5), metrics(3, 0.5)]) == 2
    assert best_of([metrics(0, None), metrics(1, None), metrics(2, None)]) == 2
    assert best_of([metrics(0, 0.3)]) == 0


def gained(iteration: int, before: list[bool], after: list[bool]) -> IterationMetrics:
    rows = [
        [sample(f"q{i}", correct=right) for i, right in enumerate(side)] for side in (before, after)
    ]
    gain = gain_over(rows[0], rows[1], ("before", "after"))
    return metrics(iteration, sum(after) / len(after)).model_copy(update={"gain": gain})


def test_the_loop_stops_only_where_a_gain_is_ruled_out_for_all_of_its_patience() -> None:
    few = gained(1, [True] * 20 + [False] * 20, [True] * 20 + [False] * 20)
    assert few.gain is not None and few.gain.difference == 0 < 0.02 < (few.gain.high or 0)
    assert why_stop([metrics(0, 0.5), few, few, few], CONFIG) is None
    many = [True] * 400 + [False] * 400
    worse = gained(2, many, [False] * 40 + many[40:])
    assert worse.gain is not None and worse.gain.high is not None and worse.gain.high < 0.02
    assert why_stop([metrics(0, 0.5), worse], CONFIG) is None
    assert "a gain of 2 points is ruled out for 2 iterations" in str(
        why_stop([metrics(0, 0.5), worse, worse], CONFIG)
    )
    assert why_stop([metrics(0, 0.5), worse, worse, few], CONFIG) is None
    assert why_stop([metrics(1, None), metrics(2, None), metrics(3, None)], CONFIG) is None


def test_too_few_validation_questions_are_said_with_what_they_cannot_tell() -> None:
    assert "by less than about 10 points" in str(few_questions(60))
    assert few_questions(300) is None and few_questions(0) is None


def test_a_fall_of_pass_at_k_and_of_answers_is_an_alarm() -> None:
    def one(number: int, rate: float, answered: int) -> IterationMetrics:
        return IterationMetrics(
            iteration=number, questions=200, pass_at_k=rate, answered=share(answered, 100)
        )

    assert alarms([one(0, 0.8, 95), one(1, 0.79, 94)]) == []
    found = alarms([one(0, 0.8, 95), one(1, 0.8, 95), one(2, 0.6, 60)])
    assert "pass@k fell from 80 to 60 %" in found[0] and "fewer" in found[1]
    assert alarms([one(0, 0.8, 95)]) == []


def test_pass_at_k_is_the_chance_of_one_right_among_k() -> None:
    rows = [sample(repeat=0), *(sample(repeat=i, correct=False, reason="wrong") for i in (1, 2, 3))]
    assert pass_at_k(rows) == 1.0
    assert pass_at_k(rows, 1) == pytest.approx(0.25)
    assert pass_at_k(rows, 2) == pytest.approx(0.5)
    assert pass_at_k(rows[1:], 1) == 0.0


def test_the_majority_counts_answers_and_takes_the_earlier_of_equals() -> None:
    wrong = sample(repeat=1, correct=False, reason="wrong")
    assert majority_right([sample(repeat=0), wrong])
    assert not majority_right([wrong, sample(repeat=0)])
    assert not majority_right([sample(answer=None, correct=None, reason="no_answer")])


def test_distinct_rationales_are_counted_over_questions_that_have_right_ones() -> None:
    rows = {
        "a": [sample("a", 0), sample("a", 1), sample("a", 1)],
        "b": [sample("b", correct=False)],
    }
    assert distinct(rows) == 2
    assert distinct({}) is None


def test_newly_solved_and_lost_are_told_against_the_iteration_before() -> None:
    numbers = sampling_numbers(
        [sample("a"), sample("b", correct=False, kept=False, reason="wrong")],
        frozenset({"b"}),
        {name: question(name, "What?") for name in "ab"},
    )
    assert (numbers["solved"], numbers["newly_solved"], numbers["lost"]) == (1, 1, 1)
    assert numbers["reasons"] == {"kept": 1, "wrong": 1}


def test_a_share_over_nothing_has_no_value() -> None:
    assert share(0, 0).value is None
    assert share(5, 10).low is not None


def test_copies_of_probes_and_worked_examples_are_never_trained_on() -> None:
    probe = question("p", "Where would a traveller most likely keep a heavy winter coat at home?")
    near = "Where would a traveller most likely keep a heavy winter coat at home then?"
    trained = ProbeSet(
        name="t",
        questions=(
            question("same", probe.stem),
            question("near", near, "s", "t"),
            question("other", "What is used to dry wet hair?"),
            question(
                "worked", "Which of the numbers 61, 25, 58 and 13 is the largest?",
                "61", "25", "58", "13",
            ),
            question("free", "What does a baker take out of the oven?"),
        ),
    )  # fmt: skip
    barred = ProbeSet(name="everyday", questions=(probe,))
    assert contaminated(trained.questions, [barred]) == {
        "same": "the same as everyday/p",
        "near": "nearly the same as everyday/p",
    }
    config = make_config("smollm2", "t", overrides={"examples": "numbers"})
    found = split(trained, [barred], config)
    assert set(found.removed) == {"same", "near", "worked"}
    assert set(found.train) | set(found.validation) == {"other", "free"}


def test_no_copy_of_a_validation_question_is_trained_on() -> None:
    stem = "Where would a traveller most likely keep a heavy winter coat number {} at home?"
    doubled = [question(f"{copy}{i}", stem.format(i)) for i in range(8) for copy in "xy"]
    config = make_config("smollm2", "t", overrides={"validation": 4})
    found = split(ProbeSet(name="t", questions=tuple(doubled)), [], config)
    stems = {one.id: one.stem for one in doubled}
    assert len(found.validation) == 4
    assert not {stems[one] for one in found.train} & {stems[one] for one in found.validation}
    assert any("validation/" in why for why in found.removed.values())


def test_splits_do_not_overlap_and_depend_on_the_seed_alone() -> None:
    probe_set = ProbeSet(
        name="t", questions=tuple(question(f"q{i}", f"Stem number {i}?") for i in range(50))
    )
    config = make_config("smollm2", "t", overrides={"validation": 10, "limit": 20})
    found = split(probe_set, [], config)
    assert (len(found.train), len(found.validation)) == (20, 10)
    assert not set(found.train) & set(found.validation)
    assert found == split(probe_set, [], config)
    assert found != split(probe_set, [], config.model_copy(update={"seed": 1}))


def test_a_question_without_an_answer_cannot_be_trained_on() -> None:
    open_one = question("q", "What is it?").model_copy(update={"answer_id": None})
    with pytest.raises(InputError, match="has no answer"):
        split(ProbeSet(name="t", questions=(open_one,)), [], CONFIG)


def test_adaptive_sampling_asks_the_least_recent_and_hardest_first() -> None:
    config = make_config(
        "smollm2", "t", "ada", {"steps": 1, "train_batch_size": 1, "step_growth": 1}
    )
    ids = ["a", "b", "c", "d"]
    assert questions_to_ask(ids, [], config) == ["a", "b"]
    first = [sample("a"), sample("b")]
    assert replay(ids, [first])["a"].last == 1
    assert questions_to_ask(ids, [first], config) == ["c"]
    weak = [sample("a", correct=False), sample("b", correct=False)]
    assert questions_to_ask(ids, [weak], config)[:2] == ["a", "b"]


def test_pairs_are_of_one_prompt_and_deal_out_the_wrong_ones() -> None:
    rows = [
        sample("a", 0), sample("a", 1),
        sample("a", 2, correct=False, kept=False, reason="wrong", text="w1"),
        sample("a", 3, correct=False, kept=False, reason="wrong", text="w2"),
        sample("b", 0, order=1),
        sample("b", 1, order=2, correct=False, kept=False, reason="wrong", text="w3"),
    ]  # fmt: skip
    assert rejected_for(rows) == {"a#0": "w1", "a#1": "w2"}


@pytest.mark.parametrize(
    ("text", "key", "same"),
    [
        ("So 3 x 4 = 12. The answer is 12.", "12", True),
        ("The answer is $1,200.50.", "#### 1200.5", True),
        ("The answer is 7.", "He has 3 + 4 = 7 left #### 8", False),
        ("The answer is -3", "-3", True),
        ("#### 1/2", "0.5", True),
        ("The answer is 5 apples.\nThe answer is 6 apples.", "6", True),
    ],
)
def test_free_answers_are_compared_as_numbers(text: str, key: str, same: bool) -> None:
    number = closing_number(text)
    assert number is not None and same_number(number, key) is same


def test_a_text_without_a_closing_number_has_none() -> None:
    assert closing_number("I counted 3 of them.") is None
    assert not same_number("3", "none")


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
