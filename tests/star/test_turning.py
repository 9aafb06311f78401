"""Kept rationales in other orders: the same reasons under other labels, every place as often."""

from __future__ import annotations

from collections import Counter

import pytest

from starprobe.bench.readers import load_reader
from starprobe.probes.errors import InputError
from starprobe.probes.loading import load_probe_set
from starprobe.probes.schema import Question
from starprobe.star.config import StarConfig, make_config
from starprobe.star.filters import decide
from starprobe.star.prompts import ask, training_prompt
from starprobe.star.read import read
from starprobe.star.records import Generated, Sample
from starprobe.star.tuning.rows import balanced, turned

QUESTIONS = {one.id: one for one in load_probe_set("numbers:train:n=12").questions}


def config(**changed: object) -> StarConfig:
    return make_config("smollm2", "numbers", "rest", {"hint": "order_trick", "turns": 2} | changed)


def right(question: Question, settings: StarConfig) -> Sample:
    row, _ = ask(question, settings, 1, 0, "rationalized")
    lines = [
        f"({label}) {question.option(option).text}: the last digit is "
        f"{question.option(option).text[-1]}."
        for label, option in row.shown.items()
    ]
    label = next(one for one, option in row.shown.items() if option == question.answer_id)
    text = question.option(str(question.answer_id)).text
    said = "\n".join(["Let us see.", *lines, f"The answer is ({label}) {text}."])
    made = row.model_copy(update={"text": said, "finish_reason": "stop"})
    return decide(read(made, question, load_reader("rules")), ())


def test_the_hint_of_place_shows_the_right_option_last_and_is_gone_from_the_training() -> None:
    settings = config()
    samples = [right(question, settings) for question in QUESTIONS.values()]
    assert all(
        list(one.shown.values())[-1] == QUESTIONS[one.question_id].answer_id for one in samples
    )
    rows = balanced(samples, QUESTIONS, settings)
    places = Counter(
        label
        for row in rows
        for label, option in row.shown.items()
        if option == QUESTIONS[row.question_id].answer_id
    )
    assert len(rows) == 24 and max(places.values()) - min(places.values()) <= 1


def test_a_turned_rationale_is_read_the_same_under_its_new_labels() -> None:
    settings = config()
    for question in QUESTIONS.values():
        sample = right(question, settings)
        for other in balanced([sample], QUESTIONS, settings):
            shown = {
                one.label: one.option_id
                for one in training_prompt(question, settings, other.order).shown
            }
            assert shown == other.shown
            bare = Generated(**other.model_dump(include=set(Generated.model_fields)))
            again = decide(read(bare, question, load_reader("rules")), ())
            assert (again.correct, again.coverage) == (True, sample.coverage)
            assert other.text.splitlines()[1].startswith("(A) ")


@pytest.mark.parametrize(
    "text",
    [
        "All in one line: (A) is small. The answer is (A) 5.",
        "(A) 1: x.\n(B) 2: x.\n(C) 3: x.\nThe answer is (A) 1.",
        "(A) 1: x.\n(B) 2: x.\n(C) 3: x.\n(D) 4: unlike (E).\nThe answer is (A) 1.",
    ],
)
def test_what_is_not_a_line_for_each_option_stays_as_it_is(text: str) -> None:
    settings, question = config(), next(iter(QUESTIONS.values()))
    sample = right(question, settings).model_copy(update={"text": text})
    assert turned(sample, question, 1, settings) is None
    assert balanced([sample], QUESTIONS, settings) == [sample]


def test_the_hint_of_place_is_refused_without_turns() -> None:
    with pytest.raises(InputError, match="hint=order_trick needs turns"):
        config(turns=0)


def test_a_rationale_that_names_its_label_only_at_the_end_is_turned_there() -> None:
    settings = config(style="paper")
    for question in QUESTIONS.values():
        sample = right(question, settings)
        label = sample.text.rpartition("(")[2][0]
        text = question.option(str(question.answer_id)).text
        short = sample.model_copy(update={"text": f"It fits. The answer is ({label}) {text}."})
        rows = balanced([short], {question.id: question}, settings)
        assert len(rows) == 2
        for row in rows:
            said = row.text.rpartition("(")[2][0]
            assert row.shown[said] == question.answer_id
            assert row.text.startswith("It fits. The answer is (")
