"""Each filter with what it drops and what it leaves."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any, get_args

import pytest

from starprobe.bench.models import BackendOptions
from starprobe.bench.progress import Silent
from starprobe.bench.readers import load_reader
from starprobe.bench.records import ResponseError, Usage
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Option, Question
from starprobe.star import filters
from starprobe.star.config import FilterName, make_config
from starprobe.star.filters import Read, closes_well, closing, read_all
from starprobe.star.folder import Phases, Training
from starprobe.star.records import REASONS, Generated, Sample
from starprobe.star.sample import gather
from starprobe.star.tables import ABOUT
from starprobe.star.work import Models, Work
from tests.star.test_loop import small

QUESTION = Question(
    id="q",
    stem="Which of the numbers 41, 65, 83 and 92 is divisible by 5?",
    options=tuple(Option(id=f"o{i}", text=t) for i, t in enumerate(["41", "65", "83", "92"], 1)),
    answer_id="o2",
)
RIGHT = (
    "(A) 41: it ends in 1, so 5 does not divide it.\n(B) 65: it ends in 5, so 5 divides it.\n"
    "(C) 83: it ends in 3, so 5 does not divide it.\n(D) 92: it ends in 2, so 5 does not divide it."
    "\nThe answer is (B) 65."
)
CONFIG = make_config("smollm2", "numbers:train")


def generated(text: str, **changed: Any) -> Generated:
    values: dict[str, Any] = {
        "id": "q#0",
        "question_id": "q",
        "repeat": 0,
        "source": "sampled",
        "order": 0,
        "prompt_id": "q|plain|0",
        "model": "m",
        "shown": {"A": "o1", "B": "o2", "C": "o3", "D": "o4"},
        "seed": 1,
        "text": text,
        "finish_reason": "stop",
        "usage": Usage(completion_tokens=20),
    }
    return Generated(**(values | changed))


def reading(text: str, **changed: Any) -> Read:
    return read_all(
        [generated(text, **changed)], {QUESTION.id: QUESTION}, load_reader("rules"), sides=True
    )[0]


def sample(text: str = RIGHT, **changed: Any) -> Sample:
    generation = {key: changed.pop(key) for key in list(changed) if key in Generated.model_fields}
    made = filters.decide(reading(text, **generation), filters.single_filters(CONFIG))
    return made.model_copy(update=changed)


def test_a_right_whole_rationale_is_kept() -> None:
    found = sample()
    assert (found.kept, found.reason, found.correct, found.style) == (
        True, "kept", True, "option_by_option",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "changed", "reason"),
    [
        (RIGHT, {"finish_reason": "length"}, "cut"),
        ("", {"error": ResponseError(kind="timeout", message="none")}, "error"),
        ("Each number has two digits.", {}, "no_answer"),
        (RIGHT.replace("The answer is (B) 65", "The answer is (D) 92"), {}, "wrong"),
        (RIGHT.replace("The answer is (B) 65", "The answer is (B) 92"), {}, "label_text"),
        (RIGHT.replace("it ends in 5, so", "marked (CORRECT), so"), {}, "leak"),
        (RIGHT.replace("so 5 divides it", "so 5 does not divide it"), {}, "contradiction"),
    ],
)
def test_the_first_reason_that_applies_is_recorded(
    text: str, changed: dict[str, Any], reason: str
) -> None:
    found = sample(text, **changed)
    assert (found.kept, found.reason) == (False, reason)


@pytest.mark.parametrize(
    "text",
    [
        "as given, the answer is (B) 65",
        "We are told that it is 65.",
        "The hint says so.",
        "65 is marked as right.",
        "65 (CORRECT) ends in 5.",
        "It is the given answer.",
    ],
)
def test_speaking_of_the_hint_is_a_leak(text: str) -> None:
    assert filters.leaks(reading(text))


@pytest.mark.parametrize("text", [RIGHT, "A market has fruit, so given the choice, I take (B)."])
def test_ordinary_reasons_are_no_leak(text: str) -> None:
    assert not filters.leaks(reading(text))


def test_false_arithmetic_and_missing_options_are_dropped_where_asked() -> None:
    assert filters.miscalculates(reading(RIGHT.replace("it ends in 5", "it ends in 6")))
    assert not filters.miscalculates(reading(RIGHT))
    off = filters.off_style("option_by_option")
    assert off(reading("(B) 65: it ends in 5, so 5 divides it.\nThe answer is (B) 65."))
    assert not off(reading(RIGHT))
    assert not filters.off_style("paper")(reading("The answer is (B) 65."))


@pytest.mark.parametrize(
    ("text", "drops"),
    [
        ("5 divides 65.\n(A) 41: odd.\n(B) 65: odd.\nThe answer is (B) 65.", False),
        ("5 divides 92.\n(A) 41: odd.\n(B) 65: odd.\nThe answer is (B) 65.", True),
        ("65 is more than 41, 83 and 92. The answer is (B) 65.", False),
        ("60 + 23 = 83. The answer is (B) 65.", True),
        ("Let us look at each option.\n(A) 41: odd.\nThe answer is (B) 65.", False),
        ("The answer is (B) 65.", False),
    ],
)
def test_working_out_another_number_than_the_answer_is_luck(text: str, drops: bool) -> None:
    assert filters.derives_another(reading(text)) is drops


def test_a_duplicate_is_the_same_under_other_labels_and_in_another_order() -> None:
    shown = {"A": "o2", "B": "o1", "C": "o3", "D": "o4"}
    lines = RIGHT.splitlines()
    turned = "\n".join(
        [lines[1].replace("(B)", "(A)"), lines[0].replace("(A)", "(B)"), lines[2], lines[3],
         "The answer is (A) 65."]
    )  # fmt: skip
    other = sample(turned, id="q#1", repeat=1, shown=shown, order=1)
    assert other.kept
    found = filters.drop_duplicates([sample(), other])
    assert [one.reason for one in found] == ["kept", "duplicate"]


def test_over_the_cap_those_go_that_cover_less() -> None:
    rows = [sample(id=f"q#{i}", repeat=i, coverage=c) for i, c in enumerate([0.5, 1.0, 0.25, 1.0])]
    found = filters.drop_over_cap(rows, 2)
    assert [one.reason for one in found] == ["cap", "kept", "cap", "kept"]


@pytest.mark.parametrize(
    ("others", "kept"),
    [
        ([], True),
        (["o2"], True),
        (["o4"], False),
        (["o4", "o2"], True),
        (["o4", "o1", "o3"], False),
        (["o4", "o4", "o2"], False),
        (["multi", None], True),
    ],
)
def test_an_answer_stays_that_leads_when_the_options_are_shuffled(
    others: list[str | None], kept: bool
) -> None:
    rows = [sample(id="q#0")] + [
        sample(id=f"q#{i}", answer=answer, kept=False, reason="label_text")
        for i, answer in enumerate(others, 1)
    ]
    found = filters.drop_inconsistent(rows)
    assert (found[0].kept, found[0].reason) == (kept, "kept" if kept else "inconsistent")
    assert found[1:] == rows[1:]


def test_a_question_asked_again_has_its_votes_counted() -> None:
    other = RIGHT.replace("The answer is (B) 65", "The answer is (D) 92")
    again = [reading(other), reading(other)]
    assert filters.drop_inconsistent([sample()], again[:0])[0].kept
    assert not filters.drop_inconsistent([sample()], again[:1])[0].kept
    assert filters.drop_inconsistent([sample(), sample(id="q#1")], again[:1])[0].kept


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({}, True), ({"samples": 1}, False), ({"shuffle": False, "temperature": 1.0}, False),
        ({"samples": 1, "reask": 2}, True), ({"pairs": True}, False),
        ({"pairs": True, "reask": 1}, True),
    ],
)  # fmt: skip
def test_consistency_needs_several_orders(changed: dict[str, Any], fits: bool) -> None:
    changed = {"filters": ("inconsistent",), **changed}
    if fits:
        make_config("smollm2", "numbers:train", overrides=changed)
    else:
        with pytest.raises(InputError, match="several orders of the options"):
            make_config("smollm2", "numbers:train", overrides=changed)


@pytest.mark.parametrize(
    ("sides", "drops"),
    [
        ({"o1": "against", "o2": "for"}, False),
        ({"o1": "against", "o2": "against"}, True),
        ({"o1": "for", "o2": None}, True),
        ({"o1": "for", "o2": "neutral"}, True),
        ({"o1": "for", "o2": "for"}, False),
        ({"o1": "against", "o2": None}, False),
        ({"o1": None, "o2": None}, False),
        ({}, False),
    ],
)
def test_reasons_against_the_choice_or_for_another_alone_contradict_it(
    sides: dict[str, str | None], drops: bool
) -> None:
    assert filters.contradicts(reading(RIGHT)._replace(sides=sides)) is drops


def test_no_answer_is_none_or_several_or_a_refusal() -> None:
    one = reading(RIGHT)
    assert not filters.unanswered(one)
    assert filters.unanswered(one._replace(answer=None, outcome="no_answer"))
    assert filters.unanswered(one._replace(answer="multi", outcome="multi"))
    assert filters.unanswered(one._replace(outcome="refused"))
    assert filters.unanswered(
        reading("It is (A) 41 or (B) 65; both fit.\nThe answer is (A) or (B).")
    )


@pytest.mark.parametrize(
    ("factor", "kept"), [(1.0, True), (2.9, True), (3.2, False), (0.4, True), (0.3, False)]
)
def test_length_outliers_are_measured_against_the_median_of_the_kept(
    factor: float, kept: bool
) -> None:
    rows = [sample(id=f"q#{i}", text="x" * 100, kept=True, reason="kept") for i in range(4)]
    odd = rows[0].model_copy(update={"id": "q#9", "text": "x" * round(100 * factor)})
    long = odd.model_copy(update={"id": "q#8", "text": "x" * 900, "kept": False, "reason": "wrong"})
    found = filters.drop_length_outliers([*rows, odd, long])
    assert [one.reason for one in found] == ["kept"] * 4 + ["kept" if kept else "length", "wrong"]
    assert filters.drop_length_outliers([*rows[:2], odd]) == [*rows[:2], odd]


def test_filters_apply_in_their_order_and_every_reason_is_explained() -> None:
    assert set(get_args(FilterName)) < set(REASONS)
    assert set(ABOUT) == set(REASONS) and len(REASONS) == len(set(REASONS))


def test_the_closing_sentence_is_read_with_or_without_brackets() -> None:
    assert closing("So the answer is (b) a basket.") == ("b", "a basket")
    assert closing("The answer is B: basket") == ("B", "basket")
    assert closing("First the answer is (A) x.\nNo: the answer is (C) y.") == ("C", "y")
    assert closing("It is a basket.") is None


def test_closing_well_needs_label_and_text_of_one_option() -> None:
    shown = reading(RIGHT).shown
    assert closes_well("The answer is (B) 65.", shown, "o2")
    assert not closes_well("The answer is (B) 6.", shown, "o2")
    assert not closes_well("The answer is (A) 65.", shown, "o2")
    assert not closes_well("65.", shown, "o2")


def test_kept_questions_alone_are_asked_again_in_orders_of_their_own(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, filters=("inconsistent",), samples=1, reask=3, cap=9)
    training = Training.create(tmp_path / "t", config)
    work = Work(training, Models(config, tutor), Silent())
    iteration = training.iteration(1)
    samples, _ = gather(work, iteration, Phases(iteration))
    again = iteration.raw("reasked")
    solved = {one.question_id for one in samples if one.correct}
    assert 0 < len(solved) < len(samples) and {one.question_id for one in again} == solved
    assert len(again) == 3 * len(solved) and all(one.kept for one in samples if one.correct)
    for name in solved:
        rows = [one for one in (*samples, *again) if one.question_id == name]
        assert len({tuple(one.shown.values()) for one in rows}) == 4
    asked = sum(one.asked for one in tutor.made)
    (iteration.path / "samples.jsonl").unlink()
    assert gather(work, iteration, Phases(iteration))[0] == samples
    assert sum(one.asked for one in tutor.made) == asked


def test_the_reader_loads_while_an_engine_starts(
    tiny_model: Path, numbers_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(tiny_model, numbers_file, backend="vllm")
    reader, engine, loaded = object(), object(), Event()

    def load_reader(name: str) -> object:
        loaded.set()
        return reader

    def load(name: str, options: BackendOptions) -> Any:
        assert loaded.wait(20)
        return engine

    monkeypatch.setattr("starprobe.star.work.load_reader", load_reader)
    work = Work(Training.create(tmp_path / "t", config), Models(config, load), Silent())
    assert work.backend(None) is engine
    assert work.classifier is reader
