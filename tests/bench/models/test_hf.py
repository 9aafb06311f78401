"""The transformers backend: batching changes nothing, seeds are per request, adapters load."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from starprobe.bench.models import BackendOptions, Request, load_backend
from starprobe.bench.models.local import prompt_ids
from starprobe.bench.records import Generation, Sampling
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Message, Prompt

torch = pytest.importorskip("torch", reason="the extra `local` is not installed")

SHARED_PREFIX = "Here are several worked examples to learn from. " * 3


def ask(text: str, key: str = "q", **sampling: object) -> Request:
    prompt = Prompt(
        id=key,
        question_id=key,
        condition="plain",
        stem=text,
        shown=(),
        messages=(Message(role="user", content=text),),
        text=text,
    )
    return Request(id=key, prompt=prompt, sampling=Sampling(**{"max_tokens": 12, **sampling}))


@pytest.fixture(scope="module")
def backend(tiny_model: Path):
    loaded = load_backend(f"hf:{tiny_model}", BackendOptions(batch_size=4))
    yield loaded
    loaded.close()


def texts(backend, requests: list[Request]) -> dict[str, str]:
    return {key: generation.text for key, generation in backend.generate(requests)}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("prefix", ["", SHARED_PREFIX], ids=["no prefix", "shared prefix"])
def test_a_response_does_not_depend_on_its_batch(backend, temperature: float, prefix: str) -> None:
    requests = [
        ask(prefix + "word " * n, f"q{n}", temperature=temperature, seed=n) for n in range(1, 8)
    ]
    together = texts(backend, requests)
    alone = {}
    for request in requests:
        alone.update(texts(backend, [request]))
    assert together == alone
    assert len(set(together.values())) > 1


def test_another_seed_gives_another_sample_and_the_same_seed_the_same(backend) -> None:
    draws = [ask("hello", f"s{n}", temperature=1.0, seed=n) for n in range(4)]
    first, second = texts(backend, draws), texts(backend, list(reversed(draws)))
    assert first == second
    assert len(set(first.values())) == 4


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, [0.15, 0.5, 0.05, 0.3]),
        (0.5, 1.0, [0.0225 / 0.365, 0.25 / 0.365, 0.0025 / 0.365, 0.09 / 0.365]),
        (1.0, 0.9, [0.15 / 0.95, 0.5 / 0.95, 0.0, 0.3 / 0.95]),
        (1.0, 0.75, [0.0, 0.625, 0.0, 0.375]),
        (1.0, 0.3, [0.0, 1.0, 0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("narrow", [False, True], ids=["among the likeliest", "all sorted"])
def test_samples_follow_temperature_and_nucleus(
    monkeypatch: pytest.MonkeyPatch,
    temperature: float,
    top_p: float,
    expected: list[float],
    narrow: bool,
) -> None:
    from starprobe.bench.models import hf

    if narrow:
        monkeypatch.setattr(hf, "NUCLEUS", 1)
    scores = torch.log(torch.tensor([[0.15, 0.5, 0.05, 0.3]])).repeat(2000, 1)
    sampling = Sampling(temperature=temperature, top_p=top_p)
    sampler = hf.RowSampler(range(2000), sampling)
    drawn = sampler(None, scores).argmax(-1)
    counts = torch.bincount(drawn, minlength=4).double()
    wanted = 2000 * torch.tensor(expected, dtype=torch.double)
    possible = wanted > 0
    assert counts[~possible].sum() == 0
    chi_squared = float(((counts - wanted)[possible] ** 2 / wanted[possible]).sum())
    assert chi_squared < 16.27  # 0.001 point at three degrees of freedom


def test_a_stop_string_ends_a_response_and_is_not_part_of_it(backend) -> None:
    whole = dict(backend.generate([ask("stop here", max_tokens=30)]))["q"]
    stop = whole.text[3:5]
    cut = dict(backend.generate([ask("stop here", max_tokens=30, stop=(stop,))]))["q"]
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish_reason == "stop"
    assert whole.finish_reason == "length"


def test_a_tokenizer_that_writes_no_letters_is_stopped_by_the_cut_alone(
    tiny_model: Path, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    shutil.copytree(tiny_model, tmp_path / "digits")
    vocabulary = {
        token: place for place, token in enumerate(["<s>", "</s>", "<pad>", *"0123456789"])
    }
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="0"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(tmp_path / "digits")
    (tmp_path / "digits" / "chat_template.jinja").unlink()
    loaded = load_backend(f"hf:{tmp_path / 'digits'}", BackendOptions())
    said = dict(loaded.generate([ask("12", stop=("a b",))]))["q"]
    loaded.close()
    assert said.error is None and said.finish_reason in ("length", "stop")


def test_padding_after_a_stop_string_is_not_counted(backend) -> None:
    codec = backend.codec
    said = prompt_ids(backend.tokenizer, "word END")
    filled = [*said, *[backend.tokenizer.pad_token_id] * 5]
    assert codec.finish(filled, Sampling(stop=("END",)))[:3] == ("word ", len(said), "stop")


def test_a_base_model_stops_where_it_asks_a_question_of_its_own(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model, tmp_path / "base")
    (tmp_path / "base" / "chat_template.jinja").unlink()
    loaded = load_backend(f"hf:{tmp_path / 'base'}")
    assert loaded.tokenizer.chat_template is None
    whole = dict(loaded.generate([ask("stop here", max_tokens=30)]))["q"]
    monkeypatch.setattr("starprobe.bench.models.backend.STOP", (whole.text[3:5],))
    cut = dict(loaded.generate([ask("stop here", max_tokens=30)]))["q"]
    told = ask("stop here", max_tokens=30).model_copy(update={"chat": False})
    uncut = dict(loaded.generate([told]))["q"]
    loaded.close()
    assert cut.text == whole.text[: whole.text.index(whole.text[3:5])]
    assert (cut.finish_reason, whole.finish_reason) == ("stop", "length")
    assert uncut == whole.model_copy(update={"latency_s": uncut.latency_s})


def test_loglikelihoods_of_all_next_tokens_sum_to_one(backend) -> None:
    vocabulary = backend.tokenizer.get_vocab()
    letters = [token for token in vocabulary if len(token) == 1 and token.isascii()]
    values = backend.loglikelihoods([("a question", letter) for letter in letters])
    mass = sum(2.718281828**value for value in values)
    assert 0.0 < mass <= 1.0 + 1e-4
    both = backend.loglikelihoods([("a question", "xy"), ("a question", "x"), ("a questionx", "y")])
    assert both[0] == pytest.approx(both[1] + both[2], abs=1e-4)


def test_loglikelihoods_do_not_depend_on_the_batch(backend) -> None:
    pairs = [
        ("short", " tail"),
        ("a much longer prefix " * 5, " t"),
        ("mid length", " longer tail"),
    ]
    together = backend.loglikelihoods(pairs)
    alone = [backend.loglikelihoods([pair])[0] for pair in pairs]
    assert together == pytest.approx(alone, abs=1e-4)


def test_a_prompt_longer_than_the_model_is_a_row_with_its_error(backend) -> None:
    found = dict(backend.generate([ask("long " * 1000, "long"), ask("short", "short")]))
    assert found["long"].error is not None
    assert found["long"].error.kind == "prompt_too_long"
    assert found["long"].error.permanent
    assert found["short"].error is None


def test_the_chat_template_is_used_where_there_is_one_unless_told_otherwise(backend) -> None:
    prompt = ask("hello").prompt
    assert backend.render(prompt) == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    assert backend.render(prompt, chat=False) == "hello"


def test_a_system_prompt_joins_the_user_turn_where_the_template_has_no_system_role(
    tiny_model: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    from starprobe.bench.models.local import render_chat

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    )
    messages = [
        Message(role="system", content="Be kind."),
        Message(role="user", content="Hi"),
    ]
    assert render_chat(tokenizer, messages) == "[user]Be kind.\n\nHi"


def test_an_adapter_folder_loads_with_its_base(tiny_model: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    adapted = get_peft_model(
        base, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path / "adapter")
    plain = load_backend(f"hf:{tiny_model}")
    changed = load_backend(f"hf:{tmp_path / 'adapter'}")
    pair = [("some prefix", " some continuation")]
    assert plain.loglikelihoods(pair) != pytest.approx(changed.loglikelihoods(pair), abs=1e-3)
    assert plain.info().revision != changed.info().revision


def test_a_closed_backend_says_so(tiny_model: Path) -> None:
    loaded = load_backend(f"hf:{tiny_model}")
    loaded.close()
    loaded.close()
    with pytest.raises(RuntimeError, match="was closed"):
        loaded.info()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("hf:./nothing/here", InputError, "no such file or folder"),
        ("hf:nobody/no-such-model", MissingError, "neither a folder here nor to be had"),
        ("hf:smollm2@http://localhost:1", InputError, "takes no URL"),
        ("nonsense", InputError, "unknown model 'nonsense'"),
        ("hf:", InputError, "has no name"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        load_backend(name)
    assert "\n" not in str(raised.value)


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither config\.json nor adapter_config\.json"):
        load_backend(f"hf:{tmp_path}")


def test_the_embedded_model_answers(smollm2: str) -> None:
    loaded = load_backend(smollm2)
    request = ask("What is the capital of France?", max_tokens=12)
    found: Generation = dict(loaded.generate([request]))["q"]
    loaded.close()
    assert "Paris" in found.text
    assert found.usage is not None
    assert (found.usage.prompt_tokens or 0) > 10
