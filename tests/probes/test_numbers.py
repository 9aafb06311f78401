"""The generated set: right answers, disjoint splits, balance, names."""

from collections import Counter

import pytest

from starprobe.probes.checks import overlap
from starprobe.probes.errors import InputError
from starprobe.probes.generated import parse_name
from starprobe.probes.generated.numbers import KINDS, NumbersSpec, make_numbers, worked
from starprobe.probes.rendering import rationale, worked_examples
from starprobe.probes.sets import load_probe_set

SPECS = [
    NumbersSpec(n=240, level=level, split=split)
    for level in (1, 2, 3)
    for split in ("train", "test")
]


def is_right(kind, operands, value):
    """Whether a value answers a question, worked out apart from the generator."""
    if kind == "sum":
        return value == sum(operands)
    if kind == "largest":
        return value == max(operands)
    if kind == "divisible":
        return value % operands[0] == 0
    first, second, third, fourth = operands
    steps = [second - first, third - second, fourth - third]
    assert steps[1] - steps[0] == steps[2] - steps[1]
    return value == fourth + steps[2] + (steps[1] - steps[0])


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_exactly_one_option_is_right_and_it_is_the_answer(spec):
    for question in make_numbers(spec):
        right = [
            option.id
            for option in question.options
            if is_right(question.metadata["kind"], question.metadata["operands"], int(option.text))
        ]
        assert right == [question.answer_id], question


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_four_different_options_places_in_balance_and_every_kind(spec):
    questions = make_numbers(spec)
    assert all(len({option.text for option in question.options}) == 4 for question in questions)
    assert len({question.id for question in questions}) == len(questions)
    places = Counter(question.answer_id for question in questions)
    assert min(places.values()) > 0.75 * len(questions) / 4
    assert {question.metadata["kind"] for question in questions} == set(KINDS)


def test_the_size_of_the_right_value_among_the_options_tells_nothing():
    ranks = Counter(
        sorted(int(option.text) for option in question.options).index(
            int(question.option(question.answer_id).text)
        )
        for question in load_probe_set("numbers:train:n=400,kinds=sum+sequence,level=2").questions
    )
    assert min(ranks[rank] for rank in range(4)) > 70


def test_train_and_test_never_overlap_whatever_seed_size_or_level():
    train = [
        q
        for seed in (0, 1)
        for level in (1, 2)
        for q in load_probe_set(f"numbers:train:n=500,seed={seed},level={level}").questions
    ]
    test = [
        q
        for seed in (0, 1)
        for level in (1, 2)
        for q in load_probe_set(f"numbers:test:n=300,seed={seed},level={level}").questions
    ]
    assert not {question.id for question in train} & {question.id for question in test}
    assert not {question.stem for question in train} & {question.stem for question in test}


def test_the_worked_examples_are_in_no_set():
    examples = [example.as_question() for example in worked_examples("numbers")]
    for split in ("train", "test"):
        every = load_probe_set(f"numbers:{split}:n=2000").questions
        assert overlap(examples, every) == []


def test_the_same_name_makes_the_same_set_and_another_seed_another():
    assert load_probe_set("numbers").hash == load_probe_set("numbers:test:n=200,seed=0").hash
    assert load_probe_set("numbers:test:seed=1").hash != load_probe_set("numbers").hash


def test_a_kind_that_runs_out_is_made_up_for_and_too_many_are_refused():
    assert len(load_probe_set("numbers:train:n=1500").questions) == 1500
    with pytest.raises(InputError, match="no 5000 train questions"):
        load_probe_set("numbers:train:n=5000,kinds=sum")


@pytest.mark.parametrize(
    "name",
    [
        "numbers:training",
        "numbers:n",
        "numbers:n=many",
        "numbers:n=0",
        "numbers:level=9",
        "numbers:kinds=product",
        "numbers:size=3",
        "numbers:train:n=3:seed=1",
    ],
)
def test_a_name_that_does_not_fit_is_told_the_pattern(name):
    with pytest.raises(InputError, match="the pattern is numbers:train:n=300"):
        load_probe_set(name)


def test_names_are_read_in_any_order_of_keys():
    spec = parse_name("numbers:seed=3,n=5,kinds=sum+largest", NumbersSpec, "an example")
    assert spec == NumbersSpec(split="test", n=5, seed=3, kinds=("sum", "largest"))


@pytest.mark.parametrize("style", ["option_by_option", "paper", "free", "direct"])
def test_worked_answers_of_made_questions_end_with_the_right_option(style):
    for level in (1, 2, 3):
        for question in load_probe_set(f"numbers:train:n=40,level={level}").questions:
            labels = {option.id: option.label for option in question.options}
            right = question.option(question.answer_id)
            text = rationale(worked(question), style, labels)
            assert text.endswith(f"The answer is ({right.label}) {right.text}.")


def test_statements_of_worked_answers_are_true():
    for question in load_probe_set("numbers:train:n=200,level=2,kinds=divisible").questions:
        for option, reason in zip(question.options, worked(question).reasons, strict=True):
            divisor, value = question.metadata["operands"][0], int(option.text)
            if "leaves" in reason:
                assert reason == f"dividing {value} by {divisor} leaves {value % divisor}."
            else:
                left, right = reason.rstrip(".").split(" = ")
                assert eval(right.replace("x", "*")) == int(left) == value
