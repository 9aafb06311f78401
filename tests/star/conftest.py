"""A model that fits into a test: two random layers, a word tokenizer, a chat template."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models import BackendOptions
from starprobe.bench.models.backend import Request
from starprobe.bench.records import Generation, ModelInfo, Usage
from starprobe.probes.generated.numbers import NumbersSpec, make_numbers
from starprobe.probes.schema import Prompt, Question
from starprobe.probes.sets import load_probe_set, write_questions

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer random Llama and a tokenizer of bytes."""
    return make_model(tmp_path_factory.mktemp("tiny"), 32)


@pytest.fixture(scope="session")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with heads wide enough for vLLM on a CPU."""
    return make_model(tmp_path_factory.mktemp("wide"), 128)


def make_model(folder: Path, width: int) -> Path:
    """Two random layers of this width, and a tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>", "<|system|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        ["Which of the numbers is the largest? The answer is (A)"], trainer
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(wrapped),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def numbers_file(tmp_path: Path) -> Path:
    """Forty number questions as a file."""
    path = tmp_path / "questions.jsonl"
    write_questions(make_numbers(NumbersSpec(split="train", n=40, seed=3)), path)
    return path


class Tutor:
    """A backend that answers number questions: right for some, wrong for others, by their id.

    Without a hint it never solves a question whose id has an even hash; with one it does. It shows
    prompts as the real tokenizer would, so that its rows can be trained on.
    """

    def __init__(self, name: str, options: BackendOptions, questions: Sequence[Question]) -> None:
        self.name, self.closed, self.asked = name, 0, 0
        self._questions = {question.id: question for question in questions}

    def info(self) -> ModelInfo:
        return ModelInfo(name=self.name)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        for request in requests:
            self.asked += 1
            text = self.answer(request.prompt)
            usage = Usage(prompt_tokens=10, completion_tokens=len(text.split()))
            yield request.id, Generation(text=text, finish_reason="stop", usage=usage)

    def answer(self, prompt: Prompt) -> str:
        question = self._questions[prompt.question_id]
        hinted = prompt.hinted_id is not None
        right = hinted or sum(map(ord, question.id)) % 2 == 1
        shown = [one.option_id for one in prompt.shown]
        target = question.answer_id if right else next(o for o in shown if o != question.answer_id)
        label = prompt.label_of(str(target))
        lines = [
            f"({one.label}) {one.text}: it has {one.text[0]} in front." for one in prompt.shown
        ]
        text = question.option(str(target)).text
        return "\n".join([*lines, f"The answer is ({label}) {text}."])

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        turns = [f"<|{message.role}|>\n{message.content}</s>\n" for message in prompt.messages]
        return "".join([*turns, "<|assistant|>\n"])

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def tutor(numbers_file: Path) -> Callable[[str, BackendOptions], Tutor]:
    """Loads tutors for the questions of `numbers_file`, and keeps them in `.made`."""
    from starprobe.probes.sets import load_probe_set

    questions = load_probe_set(numbers_file).questions
    made: list[Tutor] = []

    def load(name: str, options: BackendOptions) -> Tutor:
        made.append(Tutor(name, options, questions))
        return made[-1]

    load.made = made  # type: ignore[attr-defined]
    return load


@pytest.fixture(autouse=True)
def sampling_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of a test's size are sampled by transformers, also where vLLM is installed."""
    monkeypatch.setattr("starprobe.bench.models.vllm.usable", lambda device="auto": False)


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    """Thirty other number questions, and two that are trained on if nobody looks."""
    path = tmp_path / "exam.jsonl"
    copied = [
        one.model_copy(update={"id": f"copy-{one.id}"})
        for one in make_numbers(NumbersSpec(split="train", n=40, seed=3))[:2]
    ]
    write_questions([*make_numbers(NumbersSpec(split="test", n=28, seed=5)), *copied], path)
    return path


@pytest.fixture
def learner(numbers_file: Path, exam: Path) -> Callable[[str, Any], Tutor]:
    """Trained weights answer every question right; the base those of an odd hash alone."""
    questions = [*load_probe_set(numbers_file).questions, *load_probe_set(exam).questions]
    prompts: list[tuple[str, str]] = []

    def load(name: str, options: Any) -> Tutor:
        tutor = Tutor(name, options, questions)
        answer = tutor.answer

        def answering(prompt: Any) -> str:
            prompts.append((name, prompt.question_id))
            learnt = {"hinted_id": prompt.answer_id} if "adapter" in name else {}
            return answer(prompt.model_copy(update=learnt))

        tutor.answer = answering  # type: ignore[method-assign]
        return tutor

    load.prompts = prompts  # type: ignore[attr-defined]
    return load
