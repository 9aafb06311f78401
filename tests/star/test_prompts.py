"""What is asked, and what is trained on: the same string, no hint, the space in the completion."""

from __future__ import annotations

from pathlib import Path

import pytest

from starprobe.bench.models import BackendOptions, load_backend
from starprobe.bench.models.backend import Request, generate
from starprobe.bench.models.local import prompt_ids, turn_end
from starprobe.bench.records import Sampling
from starprobe.probes.errors import InputError
from starprobe.probes.rendering import render
from starprobe.probes.sets import load_probe_set
from starprobe.star.config import make_config, parse_settings, presets
from starprobe.star.prompts import ask, exemplars, shown_for, training_prompt
from starprobe.star.records import TrainRow
from starprobe.star.tuning.rows import completion, encode

QUESTIONS = load_probe_set("numbers:train:n=8").questions


def test_a_trained_prompt_is_the_plain_prompt_in_the_order_of_its_sample() -> None:
    config = make_config("smollm2", "numbers:train")
    for question in QUESTIONS:
        row, request = ask(question, config, 1, 3, "sampled")
        trained = training_prompt(question, config, row.order)
        assert trained.shown == request.prompt.shown
        assert trained.messages == request.prompt.messages[-1:]
        assert trained.text == render(question, "plain", row.order, shuffle_seed=0).text


def test_the_hint_stands_in_the_rationalization_prompt_and_not_in_the_trained_one() -> None:
    for hint, told in (("mark", "(CORRECT)"), ("sentence", "The answer is (")):
        config = make_config("smollm2", "numbers:train", overrides={"hint": hint})
        row, request = ask(QUESTIONS[0], config, 1, 0, "rationalized")
        assert told in request.prompt.messages[-1].content
        assert told not in training_prompt(QUESTIONS[0], config, row.order).messages[-1].content


def test_later_iterations_sample_with_the_prompt_they_were_trained_on() -> None:
    config = make_config("smollm2", "numbers:train")
    row, request = ask(QUESTIONS[0], config, 2, 0, "sampled")
    assert request.prompt.messages == training_prompt(QUESTIONS[0], config, row.order).messages


def test_the_paper_keeps_its_examples_in_the_training_text() -> None:
    config = make_config("smollm2", "numbers:train", "paper")
    row, request = ask(QUESTIONS[0], config, 1, 0, "sampled")
    assert request.prompt.messages == training_prompt(QUESTIONS[0], config, row.order).messages
    assert 1 < len(request.prompt.messages) <= 2 * config.sampling.shots + 1


def test_seeds_and_orders_differ_from_sample_to_sample_and_not_from_run_to_run() -> None:
    config = make_config("smollm2", "numbers:train")
    first = [ask(QUESTIONS[0], config, 1, index, "sampled") for index in range(4)]
    assert len({row.seed for row, _ in first}) == 4
    assert len({tuple(row.shown.values()) for row, _ in first}) == 4
    assert first == [ask(QUESTIONS[0], config, 1, index, "sampled") for index in range(4)]


def test_examples_are_of_the_kind_of_the_question() -> None:
    for question in QUESTIONS:
        shown = shown_for(question, exemplars("numbers"), 3)
        assert {one.kind for one in shown} == {question.metadata["kind"]}  # type: ignore[attr-defined]
    assert {one.domain for one in shown_for(QUESTIONS[0], exemplars("probes"), 4)} == {"numbers"}


def test_an_unreadable_file_of_examples_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        exemplars(str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_text('[[example]]\nid = "x"\n')
    with pytest.raises(InputError, match="field 'question'"):
        exemplars(str(tmp_path / "bad.toml"))


def test_the_space_belongs_to_the_completion() -> None:
    assert completion("Answer:", "It is.") == " It is."
    assert completion("<|assistant|>\n", " It is.") == "It is."


def test_encoded_rows_begin_with_the_tokens_that_are_asked_and_end_with_the_end(
    tiny_model: Path,
) -> None:
    backend = load_backend(f"hf:{tiny_model}", BackendOptions(device="cpu"))
    prompt = render(QUESTIONS[0], "plain")
    text = backend.render(prompt)  # type: ignore[attr-defined]
    row = TrainRow(
        id="x", question_id="q", source="sampled", prompt=text, completion="The answer is (A)."
    )
    tokenizer = backend.tokenizer  # type: ignore[attr-defined]
    encoded = encode(row, tokenizer)
    asked = prompt_ids(tokenizer, text)
    assert encoded.input_ids[: len(asked)] == asked
    assert encoded.labels[: len(asked)] == [-100] * len(asked)
    assert encoded.labels[len(asked) :] == encoded.input_ids[len(asked) :]
    assert encoded.input_ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(encoded.labels[len(asked) : -1]) == row.completion


def test_the_very_tokens_that_were_sampled_are_trained(tiny_model: Path) -> None:
    backend = load_backend(f"hf:{tiny_model}", BackendOptions(device="cpu"))
    prompt = render(QUESTIONS[0], "plain")
    sampling = Sampling(temperature=1.0, max_tokens=12, seed=4)
    ((_, made),) = generate(backend, [Request(id="x", prompt=prompt, sampling=sampling)])
    assert made.token_ids is not None and len(made.token_ids) == 12
    text = backend.render(prompt)  # type: ignore[attr-defined]
    tokenizer = backend.tokenizer  # type: ignore[attr-defined]
    row = TrainRow(
        id="x",
        question_id="q",
        source="sampled",
        prompt=text,
        completion=made.text,
        completion_ids=made.token_ids,
    )
    assert tuple(encode(row, tokenizer).labels[-12:]) == made.token_ids
    # Text that is tokenised again need not give what was sampled.
    again = tokenizer(made.text, add_special_tokens=False)["input_ids"]
    assert tuple(again) != made.token_ids


def test_an_answer_ends_as_its_chat_template_ends_a_turn(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(tiny_model))
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|user|>")]
    assert turn_end(tokenizer, ends) == tokenizer.eos_token_id
    tokenizer.chat_template = tokenizer.chat_template.replace("</s>", "<|user|>")
    assert turn_end(tokenizer, ends) == ends[1]
    tokenizer.chat_template = "{{ raise_exception('no') }}"
    assert turn_end(tokenizer, ends) == tokenizer.eos_token_id


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_makes_a_configuration(name: str) -> None:
    assert make_config("smollm2", "numbers:train", name).preset == name


def test_settings_are_checked_in_one_line() -> None:
    with pytest.raises(InputError, match=r"did you mean 'sampling\.samples'"):
        make_config("smollm2", "numbers", overrides=parse_settings(["sampels=3"]))
    with pytest.raises(InputError, match=r"setting sampling\.samples='many'"):
        make_config("smollm2", "numbers", overrides=parse_settings(["samples=many"]))
    with pytest.raises(InputError, match="write it as key=value"):
        parse_settings(["samples"])
    with pytest.raises(InputError, match="unknown preset 'rset'"):
        make_config("smollm2", "numbers", "rset")


def test_lists_and_none_are_set_from_text() -> None:
    found = parse_settings(["filters=leak,duplicate", "limit=none", "learning-rate=1e-3"])
    config = make_config("smollm2", "numbers", overrides=found)
    assert config.selection.filters == ("leak", "duplicate")
    assert config.limit is None and config.training.learning_rate == 1e-3
