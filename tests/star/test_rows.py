"""Training rows: rationales turned, templates' and teachers' rows, and the controls."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from starprobe.bench.readers import DEFAULT_READER, load_reader, read_one
from starprobe.bench.readers.base import Reading
from starprobe.bench.run_folder import Run
from starprobe.cli import app
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt, Question
from starprobe.probes.sets import load_probe_set
from starprobe.star.config import StarConfig, make_config
from starprobe.star.filters import decide, read_all
from starprobe.star.folder import Training
from starprobe.star.loop import train
from starprobe.star.prompts import ask, exemplars, order_of, training_prompt
from starprobe.star.records import Generated, Sample
from starprobe.star.tuning.export import card
from starprobe.star.tuning.rows import (
    balanced,
    supervised_rows,
    turned,
    worked_answer,
    worked_like_examples,
)

QUESTIONS = {one.id: one for one in load_probe_set("numbers:train:n=12").questions}


def turning(**changed: object) -> StarConfig:
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
    return decide(read_all([made], {question.id: question}, load_reader("rules"))[0], ())


def test_the_hint_of_place_shows_the_right_option_last_and_is_gone_from_the_training() -> None:
    settings = turning()
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
    settings = turning()
    for question in QUESTIONS.values():
        sample = right(question, settings)
        for other in balanced([sample], QUESTIONS, settings):
            shown = {
                one.label: one.option_id
                for one in training_prompt(question, settings, other.order).shown
            }
            assert shown == other.shown
            bare = Generated(**other.model_dump(include=set(Generated.model_fields)))
            again = decide(read_all([bare], {question.id: question}, load_reader("rules"))[0], ())
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
    settings, question = turning(), next(iter(QUESTIONS.values()))
    sample = right(question, settings).model_copy(update={"text": text})
    assert turned(sample, question, 1, settings) is None
    assert balanced([sample], QUESTIONS, settings) == [sample]


def test_the_hint_of_place_is_refused_without_turns() -> None:
    with pytest.raises(InputError, match="hint=order_trick needs turns"):
        turning(turns=0)


def test_a_rationale_that_names_its_label_only_at_the_end_is_turned_there() -> None:
    settings = turning(style="paper")
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


SETTINGS = (
    "limit=8", "validation=2", "steps=2", "train_batch_size=2", "lora_r=2", "lora_alpha=4",
    "device=cpu", "max_tokens=8", "batch_size=8", "test=numbers:test:n=3", "decontaminate=",
)  # fmt: skip


def call(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.slow
def test_the_controls_train_run_and_compare_by_the_command(
    tiny_model: Path, numbers_file: Path, tmp_path: Path
) -> None:
    told, names = {}, {}
    for preset in ("base", "direct"):
        words = ["train", "--model", f"hf:{tiny_model}", "--questions", str(numbers_file)]
        words += ["--preset", preset, "--out", str(tmp_path / preset)]
        told[preset] = call(*words, *(part for one in SETTINGS for part in ("--set", one)))
        training = Training(tmp_path / preset)
        assert training.tested() is not None and Path(training.model.removeprefix("hf:")).is_dir()
        names[preset] = training.model
    assert "Best: iteration 0" in told["base"] and "Best: iteration 1" in told["direct"]
    assert "Test, base against chosen: right:" in told["direct"]
    assert "Test, base against chosen" not in told["base"]
    assert Training(tmp_path / "base").splits() == Training(tmp_path / "direct").splits()
    for preset, model in names.items():
        call(
            "run", model, "--probes", "everyday", "--limit", "3", "--max-tokens", "8",
            "--device", "cpu", "--out", str(tmp_path / f"{preset}-run"),
        )  # fmt: skip
        call("classify", str(tmp_path / f"{preset}-run"))
    page = tmp_path / "page.html"
    sides = [str(tmp_path / f"{preset}-run") for preset in names]
    call("compare", *sides, "--training", str(tmp_path / "direct"), "-o", str(page))
    assert "training-test" in page.read_text()
    assert all(len(Run(side).responses()) == 3 for side in sides)
