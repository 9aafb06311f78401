"""Decoding in slots: the same tokens as transformers' own `generate`, whatever is shared."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starprobe.bench.records import Sampling

torch = pytest.importorskip("torch", reason="the extra `local` is not installed")

from starprobe.bench.models.continuous import TELL_THEIR_WINDOW, fits, supports  # noqa: E402
from starprobe.bench.models.decoding import Decoder, Encoded  # noqa: E402
from starprobe.bench.models.prefixes import common_prefix, grouped  # noqa: E402

SHAPE = {
    "vocab_size": 261,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 1024,
    "pad_token_id": 2,
    "eos_token_id": 4,
}
LAYER = {"intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8}


def make_model(kind: str, **more: object):
    """A random model of two layers of some family."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    extra = {} if kind in ("gpt2", "gpt_neox") else LAYER
    if kind == "gpt2":
        extra = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024}
    if kind == "gemma2":
        extra = extra | {"query_pre_attn_scalar": 8}
    config = AutoConfig.for_model(kind, **(SHAPE | extra | more))
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(scope="module")
def llama(tokenizer):
    return Decoder(make_model("llama"), tokenizer)


def rows_of(seed: int, count: int, prefixes: int, **sampling: object) -> list[Encoded]:
    """Rows that begin with one of a few prefixes or with none, some of them equal."""
    draw = random.Random(seed)
    shared = [
        [draw.randrange(5, 261) for _ in range(draw.randint(50, 90))] for _ in range(prefixes)
    ]
    made: list[Encoded] = []
    for number in range(count):
        ids = [
            *draw.choice([*shared, []]),
            *(draw.randrange(5, 261) for _ in range(draw.randint(1, 9))),
        ]
        if made and draw.random() < 0.3:
            ids = draw.choice(made).ids
        made.append(Encoded(ids, Sampling(**{"max_tokens": 10, "seed": number, **sampling})))
    return made


def found(decoder: Decoder, rows: list[Encoded], size: int) -> dict[int, tuple[str, int, str]]:
    return {one.number: (one.text, one.tokens, one.finish) for one in decoder.decode(rows, size)}


def by_generate(decoder: Decoder, rows: list[Encoded]) -> dict[int, tuple[str, int, str]]:
    return {index: decoder._generate([row])[0] for index, row in enumerate(rows)}


@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 12),
    prefixes=st.integers(0, 3),
    size=st.sampled_from([1, 2, 3, 5, 16]),
    temperature=st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=25, deadline=None)
def test_slots_give_what_generate_gives_for_each_row_alone(
    llama, seed: int, count: int, prefixes: int, size: int, temperature: float
) -> None:
    rows = rows_of(seed, count, prefixes, temperature=temperature)
    assert found(llama, rows, size) == by_generate(llama, rows)


@pytest.mark.parametrize(
    ("kind", "replaced"),
    [("llama", True), ("mistral", True), ("qwen2", True), ("qwen3", True), ("gemma3_text", True),
     ("gpt2", True), ("gpt_neox", True), ("gemma2", False), ("bloom", False)],
)  # fmt: skip
def test_every_family_is_decoded_as_by_generate(tokenizer, kind: str, replaced: bool) -> None:
    decoder = Decoder(make_model(kind), tokenizer)
    rows = rows_of(3, 8, 2)
    assert decoder._slots == replaced
    assert found(decoder, rows, 3) == by_generate(decoder, rows)


def test_a_model_whose_attention_gives_other_scores_is_not_decoded_in_slots(monkeypatch) -> None:
    from starprobe.bench.models import slots

    whole = slots.StepPass.attend
    monkeypatch.setattr(slots.StepPass, "attend", lambda *given: 2 * whole(*given))
    model = make_model("llama")
    assert not supports(model)
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("kind", sorted(TELL_THEIR_WINDOW))
def test_a_window_slides_over_what_is_shared_and_what_is_not(tokenizer, kind: str) -> None:
    more = {"use_sliding_window": True, "max_window_layers": 0} if "qwen" in kind else {}
    if kind == "gemma3_text":
        more = {"layer_types": ["sliding_attention", "full_attention"]}
    decoder = Decoder(make_model(kind, sliding_window=24, **more), tokenizer)
    wide = Decoder(make_model(kind, sliding_window=512, **more), tokenizer)
    rows = rows_of(3, 8, 2, max_tokens=30)
    assert decoder._slots and fits(decoder._model, 1000)
    wanted = by_generate(decoder, rows)
    assert found(decoder, rows, 3) == wanted
    assert found(wide, rows, 3) != wanted


def test_a_window_that_may_go_untold_is_left_to_generate(tokenizer) -> None:
    model = make_model("olmo3", sliding_window=64)
    assert fits(model, 64) and not fits(model, 65)
    assert fits(make_model("llama"), 10**6)


def test_a_stop_string_is_found_across_tokens_and_frees_the_slot(llama) -> None:
    rows = rows_of(5, 6, 1, max_tokens=40)
    whole = found(llama, rows, 4)
    text, tokens, _ = whole[0]
    stop = text[5:8]
    asked = [Encoded(row.ids, row.sampling.model_copy(update={"stop": (stop,)})) for row in rows]
    cut = found(llama, asked, 4)
    assert cut[0][0] == text[: text.index(stop)] and cut[0][2] == "stop"
    assert cut[0][1] < tokens
    assert {key: one[0] for key, one in cut.items()} == {
        key: one[0].split(stop)[0] for key, one in whole.items()
    }


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=120), min_size=1, max_size=12))
@settings(deadline=None)
def test_groups_hold_every_row_once_and_begin_as_they_say(rows: list[list[int]]) -> None:
    groups = grouped(rows)
    assert sorted(index for group in groups for index in group.indices) == list(range(len(rows)))
    for group in groups:
        for index in group.indices:
            assert rows[index][: len(group.prefix)] == group.prefix
            assert len(rows[index]) > len(group.prefix)


def test_two_sets_of_examples_are_two_groups_and_strangers_a_third() -> None:
    first, second = list(range(100)), list(range(100, 300))
    rows = [[*first, 1], [*second, 2], [*first, 3], [*second, 4], [7, 8], [9]]
    groups = {tuple(group.indices): group.prefix for group in grouped(rows)}
    assert groups == {(0, 2): first, (1, 3): second, (4, 5): []}


def test_examples_are_run_once_rather_than_once_a_question() -> None:
    examples = list(range(400))
    rows = [
        [*examples, *([1000 + question] * 60), sample] for question in range(9) for sample in (1, 2)
    ]
    groups = grouped(rows)
    assert [len(group.prefix) for group in groups] == [len(common_prefix(rows))] == [400]
