"""Rows whose rationales the model did not make: read as what they are meant to teach."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.readers import DEFAULT_READER, load_reader, read_one
from starprobe.bench.readers.base import Reading
from starprobe.probes.errors import InputError
from starprobe.probes.loading import load_probe_set
from starprobe.probes.schema import Prompt, Question
from starprobe.star.config import StarConfig, make_config
from starprobe.star.loop import train
from starprobe.star.prompts import exemplars, order_of, training_prompt
from starprobe.star.tuning.export import card
from starprobe.star.tuning.rows import supervised_rows, worked_answer, worked_like_examples

NUMBERS = load_probe_set("numbers:train:n=24").questions
CAPITALS = Question(
    id="capital",
    stem="Which city is a capital?",
    options=({"id": "o1", "text": "Lyon"}, {"id": "o2", "text": "Paris"}),  # type: ignore[arg-type]
    answer_id="o2",
    metadata={"rationale": "(A) Lyon: it is none.\n(B) Paris: it is one."},
)


def config(**changed: Any) -> StarConfig:
    return make_config("smollm2", "numbers", "supervised", changed)


def show(prompt: Prompt) -> str:
    return prompt.text


@pytest.mark.parametrize(
    ("style", "read_as"),
    [
        ("option_by_option", {"option_by_option"}),
        ("paper", {"chosen_only", "general_reasoning", "direct", "partial"}),
    ],
)
def test_templates_teach_the_style_that_is_asked_for_and_the_right_answer(
    style: str, read_as: set[str]
) -> None:
    settings = config(style=style, turns=2, examples="numbers")
    reader = load_reader(DEFAULT_READER)
    found = []
    for question in NUMBERS:
        prompt = training_prompt(question, settings, 3)
        text = worked_answer(question, prompt, settings)
        verdict = read_one(reader, Reading(question.id, text, prompt.stem, prompt.shown, "stop"))
        found.append(verdict.style)
        assert prompt.labels[str(verdict.answer)] == question.answer_id
    assert set(found) <= read_as


@pytest.mark.parametrize("example", exemplars("numbers"), ids=lambda one: one.id)
def test_templates_say_of_a_worked_example_what_it_says_itself(example: Any) -> None:
    numbers = [int(one) for one in re.findall(r"\d+", example.question)]
    operands = [numbers[-1], *numbers[:-1]] if example.kind == "divisible" else numbers
    question = example.as_question().model_copy(
        update={"metadata": {"operands": operands, "kind": example.kind}}
    )
    made = worked_like_examples(question)
    for field in ("options", "answer", "working", "reasons", "paper"):
        assert getattr(made, field) == getattr(example, field), field


def test_turns_show_the_right_answer_in_many_places() -> None:
    settings = config(turns=3)
    rows = supervised_rows(NUMBERS, settings, show)
    assert len(rows) == 3 * len(NUMBERS) == len({row.id for row in rows})
    letters = Counter(row.completion.rpartition("(")[2][0] for row in rows)
    assert set(letters) == set("ABCD")
    by_question = {row.question_id: set() for row in rows}
    for row in rows:
        by_question[row.question_id].add(row.prompt)
    assert all(len(prompts) == 3 for prompts in by_question.values())


def test_a_teachers_rationale_is_taken_as_it_is_in_file_order_and_gets_its_closing() -> None:
    settings = config(turns=3)
    (row,) = supervised_rows([CAPITALS], settings, show)
    assert "(A) Lyon\n(B) Paris" in row.prompt or "A) Lyon\nB) Paris" in row.prompt
    taught = row.completion.strip().splitlines()
    assert taught[:2] == CAPITALS.metadata["rationale"].splitlines()
    assert taught[2:] == ["The answer is (B) Paris."]
    closed = CAPITALS.model_copy(
        update={"metadata": {"rationale": "One is. The answer is (B) Paris."}}
    )
    (again,) = supervised_rows([closed], settings, show)
    assert again.completion.count("The answer is") == 1


def test_a_question_that_nobody_worked_out_is_named() -> None:
    bare = CAPITALS.model_copy(update={"metadata": {}})
    with pytest.raises(InputError, match="question 'capital' of numbers has no worked answer"):
        supervised_rows([bare], config(), show)


def test_the_supervised_control_trains_without_sampling(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    settings = make_config(
        f"hf:{tiny_model}", str(numbers_file), "supervised",
        {"limit": 9, "validation": 0, "steps": 1, "train_batch_size": 2, "lora_r": 2,
         "device": "cpu", "max_length": 2048},
    )  # fmt: skip
    training = train(settings, tmp_path / "t", load=tutor)
    assert [row.id for row in training.iteration(1).train_rows()] == [
        f"{name}#supervised0"
        for name in training.splits().train  # type: ignore[union-attr]
    ]
    assert training.samples(1) == []
    assert training.best == 1
    text = card(training, "peft")
    assert "rationales that the model did not make itself" in text and "STaR loop" not in text


def test_orders_are_those_of_the_configuration() -> None:
    settings = config(shuffle=False)
    (row,) = supervised_rows(NUMBERS[:1], settings, show)
    assert order_of(NUMBERS[0], settings, 0) == 0
    assert row.prompt == training_prompt(NUMBERS[0], settings, 0).text
