"""Questions without options: numbers are compared, hinted at, closed with and trained on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest

from starprobe.bench.models import BackendOptions
from starprobe.bench.models.backend import Request
from starprobe.bench.readers import load_reader
from starprobe.bench.records import Generation, ModelInfo, Usage
from starprobe.probes.conditions import RationaleStyle
from starprobe.probes.errors import InputError
from starprobe.probes.rendering import rationale
from starprobe.probes.schema import Option, Prompt, Question
from starprobe.probes.sets import write_questions
from starprobe.star.config import make_config
from starprobe.star.filters import decide, derives_another, leaks, read_all, single_filters
from starprobe.star.loop import train
from starprobe.star.measure import answered_numbers
from starprobe.star.prompts import ask, exemplars, reasons_of, shown_for, training_prompt
from starprobe.star.questions import keyed
from starprobe.star.records import Sample
from starprobe.star.tuning.rows import answer_sentence, turned
from starprobe.star.verify import claims, closing_number, last_number, load_verifier
from tests.star.test_loop import small

SOLUTION = "She picks 3 x 8 = 24 plums and eats 5, so 24 - 5 = 19 are left.\n#### 19"
PLUMS = Question(
    id="plums",
    stem="Ana picks 3 bags of 8 plums and eats 5 plums. How many plums are left?",
    answer_text=SOLUTION,
)
CONFIG = make_config("smollm2", "q")


def orchard(count: int) -> list[Question]:
    """Word problems whose key is a whole solution, as GSM8K writes it."""
    return [
        Question(
            id=f"bags-{bags}",
            stem=f"Ana picks {bags} bags of 8 plums and eats 5 plums. How many are left?",
            answer_text=f"She picks {bags} x 8 = {bags * 8} plums.\n#### {bags * 8 - 5}",
        )
        for bags in range(3, 3 + count)
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The answer is 5 + 3 = 8.", "8"),
        ("The answer is $1,250.50.", "1250.5"),
        ("So the final answer: it is \\boxed{72}", "72"),
        ("The answer is 8. As a check, 8 - 3 = 5.", "8"),
        ("The answer is 2.5 + 1 = 3.50", "3.5"),
        ("The answer is 3.0", "3"),
        ("10-4 is 6", None),
    ],
)
def test_the_closing_number_is_read_in_one_way_of_writing(text: str, number: str | None) -> None:
    assert closing_number(text) == number


def test_the_last_number_is_no_difference() -> None:
    assert last_number("From 10-4 it is clear") == "4"
    assert last_number("It fell to -4 degrees") == "-4"
    assert last_number("10 - 4 of them") == "4"
    assert last_number("None.") is None


def test_worked_word_problems_hold_and_are_shown_before_questions_without_options() -> None:
    problems = exemplars("word_problems")
    shown = shown_for(PLUMS, exemplars("probes"), 4)
    assert shown == problems[:4] and len(problems) >= 6
    for one in problems:
        for style in get_args(RationaleStyle):
            text = rationale(one, style, {})
            assert closing_number(text) == one.answer
            stated = list(claims(text))
            assert all(claim.holds for claim in stated)
            assert style == "direct" or len(stated) >= 2
    with_options = PLUMS.model_copy(
        update={"options": (Option(id="o1", text="19"), Option(id="o2", text="24"))}
    )
    assert all(one.options for one in shown_for(with_options, exemplars("probes"), 4))


def test_a_file_of_examples_needs_a_reason_for_each_option(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[[example]]\nid = "x"\nquestion = "Q?"\noptions = ["1", "2"]\nanswer = "1"\n'
        'reasons = ["a."]\npaper = "p"\nfree = "f"\n'
    )
    with pytest.raises(InputError, match="2 options and 1 reasons"):
        exemplars(str(path))


@pytest.mark.parametrize("hint", ["mark", "sentence", "order_trick"])
def test_the_hint_is_the_number_and_never_the_solution(hint: str) -> None:
    config = make_config("smollm2", "q", overrides={"hint": hint, "turns": 1})
    row, request = ask(PLUMS, config, 1, 0, "rationalized")
    told = request.prompt.messages[-1].content
    assert told.endswith("plums are left? (The answer is 19.)")
    assert "24" not in told and "24" not in request.prompt.text.rpartition("Question:")[2]
    examples = [one.content for one in request.prompt.messages[:-1] if one.role == "user"]
    assert len(examples) == config.sampling.shots
    assert all("(The answer is" in one for one in examples)
    trained = training_prompt(PLUMS, config, row.order)
    assert "19" not in trained.text and "(The answer" not in trained.messages[-1].content
    assert request.prompt.id != trained.id


def test_a_rationale_that_repeats_the_hint_leaks() -> None:
    def told(text: str) -> bool:
        row, _ = ask(PLUMS, CONFIG, 1, 0, "rationalized")
        made = row.model_copy(update={"text": text, "finish_reason": "stop"})
        return leaks(read_all([made], {made.question_id: PLUMS}, load_reader("rules"))[0])

    assert told("How many are left? (The answer is 19.) The answer is 19.")
    assert not told("3 x 8 = 24, and 24 - 5 = 19. The answer is 19.")


def answered(text: str, question: Question = PLUMS, **changed: Any) -> Sample:
    row, _ = ask(question, CONFIG, 1, 0, "sampled")
    made = row.model_copy(update={"text": text, "finish_reason": "stop", **changed})
    one = read_all([made], {made.question_id: question}, load_reader("rules"))[0]
    return decide(one, single_filters(make_config("smollm2", "q")))


def test_free_answers_are_right_by_their_number_alone() -> None:
    assert answered("24 - 5 = 19. The answer is 19 plums.").kept
    assert answered("The answer is 19.0").answer == "19"
    assert answered("The answer is 24.").reason == "wrong"
    assert answered("Ana has 19 plums left.").reason == "no_answer"
    assert answered("3 x 8 =", finish_reason="length").reason == "cut"


@pytest.mark.parametrize(
    ("text", "drops"),
    [
        ("3 x 8 = 24. 24 - 5 = 19. The answer is 19.", False),
        ("3 x 8 = 24 plums are left. The answer is 19.", True),
        ("The answer is 19.", False),
    ],
)
def test_a_number_told_by_the_hint_and_not_worked_out_is_another(text: str, drops: bool) -> None:
    row, _ = ask(PLUMS, CONFIG, 1, 0, "rationalized")
    made = row.model_copy(update={"text": text, "finish_reason": "stop"})
    assert (
        derives_another(read_all([made], {made.question_id: PLUMS}, load_reader("rules"))[0])
        is drops
    )


def test_without_a_closing_sentence_the_last_number_counts_for_the_flexible_share_only() -> None:
    rows = [answered("The answer is 19."), answered("Ana has 19 plums left."), answered("24")]
    numbers = answered_numbers(rows, {"plums": PLUMS})
    assert numbers["accuracy"].value == pytest.approx(1 / 3)
    assert numbers["flexible"].value == pytest.approx(2 / 3)
    assert (numbers["option_by_option"].n, numbers["letters"]) == (0, {})


def test_any_text_is_a_key() -> None:
    rows = [PLUMS.model_copy(update={"id": key, "answer_text": key}) for key in ("fig", " ")]
    assert keyed([PLUMS, *rows]) == {"plums", "fig"}


def test_a_free_rationale_is_neither_turned_nor_multiplied() -> None:
    assert turned(answered("The answer is 19."), PLUMS, 1, CONFIG) is None


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("3 x 8 = 24. 24 - 5 = 19.\nThe answer is 19.", "3 x 8 = 24. 24 - 5 ="),
        ("The answer is 19.", "The answer is"),
        ("There are 190 trees, 1.19 left. So 19.", "There are 190 trees, 1.19 left. So"),
    ],
)
def test_reasons_end_where_they_first_name_the_answer(text: str, reasons: str) -> None:
    assert reasons_of(answered(text), PLUMS) == reasons
    assert answer_sentence(PLUMS, training_prompt(PLUMS, CONFIG, 0)) == "The answer is 19."


class Counting:
    """Solves what has an odd number of bags; the others only where the number is told."""

    def __init__(self, name: str) -> None:
        self.name = name

    def info(self) -> ModelInfo:
        return ModelInfo(name=self.name)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        for request in requests:
            asked = request.prompt.messages[-1].content
            bags = int(re.findall(r"\d+", asked)[0])
            told = "(The answer is" in asked or bags % 2 or self.arrives(request.prompt.text)
            left = bags * 8 - 5 if told else bags * 8
            text = f"Ana picks {bags} x 8 = {bags * 8} plums. The answer is {left}."
            usage = Usage(prompt_tokens=9, completion_tokens=12)
            yield request.id, Generation(text=text, finish_reason="stop", usage=usage)

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        turns = [f"<|{message.role}|>\n{message.content}</s>\n" for message in prompt.messages]
        return "".join([*turns, "<|assistant|>\n"])

    def arrives(self, prompt: str) -> bool:
        """Whether it goes on to the right answer from reasons that are there."""
        return "<|assistant|>\nAna picks" in prompt

    def close(self) -> None:
        """Nothing is held."""


class Copying(Counting):
    """Finds nothing by the reasons that it gave when the number was told."""

    def arrives(self, prompt: str) -> bool:
        return False


def test_a_file_of_word_problems_trains_from_end_to_end(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "plums.jsonl"
    write_questions(orchard(20), path)

    def load(name: str, options: BackendOptions) -> Counting:
        return Counting(name)

    config = small(tiny_model, path, iterations=1, turns=2, filters=("leak", "duplicate"))
    training = train(config, tmp_path / "t", load=load)
    metrics = training.iterations()[1]
    odd = [one for one in training.samples(1) if int(one.question_id[5:]) % 2]
    assert all(one.correct for one in odd) and metrics.sample_accuracy == len(odd) / 20
    assert metrics.reasons["wrong"] == 20 - len(odd) and metrics.sample_letters == {}
    hinted = training.iteration(1).rationalized()
    assert hinted and all(one.correct for one in hinted)
    rows = training.iteration(1).train_rows()
    assert {row.source for row in rows} == {"sampled", "rationalized"}
    assert len(rows) == metrics.reasons["kept"] + metrics.rationalized_reasons["kept"]
    assert not any("answer" in row.prompt.casefold() or "####" in row.prompt for row in rows)
    assert metrics.accuracy is not None and metrics.flexible is not None
    direct = train(
        small(tiny_model, path, method="direct", iterations=1), tmp_path / "d", load=load
    )
    told = {row.question_id: row.completion for row in direct.iteration(1).train_rows()}
    assert all(said == f"The answer is {int(name[5:]) * 8 - 5}." for name, said in told.items())


@pytest.mark.parametrize(("kind", "reason"), [(Counting, "kept"), (Copying, "unsupported")])
def test_a_rationalization_is_kept_where_the_model_arrives_from_it_without_the_hint(
    kind: type[Counting], reason: str, tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "plums.jsonl"
    write_questions(orchard(20), path)
    config = small(tiny_model, path, iterations=1, filters=(), arrives=True, verify=("steps",))
    training = train(config, tmp_path / "t", load=lambda name, options: kind(name))
    iteration = training.iteration(1)
    assert {one.reason for one in iteration.rationalized()} == {reason}
    asked = iteration.raw("arrivals")
    assert len(asked) == len(iteration.rationalized()) > 0
    hinted = sum(row.source == "rationalized" for row in iteration.train_rows())
    assert hinted == (len(asked) if reason == "kept" else 0)


def test_a_right_answer_from_a_false_working_is_dropped_and_says_why() -> None:
    row, _ = ask(PLUMS, CONFIG, 1, 0, "sampled")
    made = row.model_copy(update={"text": "3 x 8 = 25. The answer is 19.", "finish_reason": "stop"})
    one = read_all(
        [made], {made.question_id: PLUMS}, load_reader("rules"), [load_verifier("steps")]
    )[0]
    kept = decide(one, single_filters(make_config("smollm2", "q")))
    assert (kept.reason, kept.faults, kept.correct) == ("working", ("3 x 8 = 25",), True)
