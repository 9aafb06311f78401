"""Bodies out, bodies in: pure functions of the three dialects."""

from __future__ import annotations

from typing import Any

import pytest

from starprobe.bench.models.dialects import Quirks
from starprobe.bench.models.dialects.blocks import Anthropic, claude_version
from starprobe.bench.models.dialects.openai import Ollama, OpenAI
from starprobe.bench.models.thinking import split_generation, split_reasoning
from starprobe.bench.models.transport import Fault
from tests.bench.models.makers import request

anthropic, ollama, openai = Anthropic(), Ollama(), OpenAI()


def chat(message: Any, finish: str | None = "stop") -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish}]}


THOUGHTS: list[tuple[str, Any, dict[str, Any]]] = [
    ("reasoning_content", openai, chat({"content": "A", "reasoning_content": "hm"})),
    ("reasoning", openai, chat({"content": "A", "reasoning": "hm"})),
    (
        "reasoning_details",
        openai,
        chat({"content": "A", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
    ),
    (
        "summaries in reasoning_details",
        openai,
        chat({"content": "A", "reasoning_details": [{"type": "x", "summary": "hm"}]}),
    ),
    (
        "chunks of type thinking",
        openai,
        chat(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "A"},
                ]
            }
        ),
    ),
    ("tags", openai, chat({"content": "<think>hm</think>A"})),
    ("a closing tag alone", openai, chat({"content": "hm\n</think>\n\nA"})),
    ("Gemini's tags", openai, chat({"content": "<thought>hm</thought>A"})),
    ("the same twice", openai, chat({"content": "<think>hm</think>A", "reasoning": "hm"})),
    (
        "the Responses API",
        openai,
        {
            "status": "completed",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "A"}]},
            ],
        },
    ),
    (
        "thinking blocks",
        anthropic,
        {
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "redacted_thinking", "data": "zzz"},
                {"type": "text", "text": "A"},
            ],
            "stop_reason": "end_turn",
        },
    ),
    (
        "Ollama's thinking",
        ollama,
        {"message": {"content": "A", "thinking": "hm"}, "done": True, "done_reason": "stop"},
    ),
    (
        "Ollama's tags",
        ollama,
        {"message": {"content": "<think>hm</think>\nA"}, "done": True, "done_reason": "stop"},
    ),
]


@pytest.mark.parametrize(
    ("dialect", "body"), [row[1:] for row in THOUGHTS], ids=[r[0] for r in THOUGHTS]
)
def test_thinking_is_told_from_the_answer_wherever_it_arrives(
    dialect: Any, body: dict[str, Any]
) -> None:
    found = split_generation(dialect.generation(body))
    assert (found.text, found.reasoning, found.finish_reason) == ("A", "hm", "stop")


def test_thinking_that_was_cut_short_is_no_answer() -> None:
    found = split_generation(openai.generation(chat({"content": "<think>first, A is"}, "length")))
    assert (found.text, found.reasoning, found.finish_reason) == ("", "first, A is", "length")


def test_tags_that_a_prompt_asked_for_stay_in_the_text() -> None:
    text = "<scratchpad>A no, B yes</scratchpad> B"
    assert split_reasoning(text).text == text
    assert split_reasoning("<thinking>A</thinking> B").reasoning is None


def test_channels_that_a_server_left_unparsed_are_taken_apart() -> None:
    raw = (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant"
        "<|channel|>final<|message|>A<|return|>"
    )
    assert split_reasoning(raw) == ("A", "hm")


@pytest.mark.parametrize(
    ("dialect", "body", "finish", "text"),
    [
        (openai, chat({"content": None, "refusal": "I can't"}), "refusal", "I can't"),
        (openai, chat({"content": ""}, "content_filter"), "refusal", ""),
        (openai, chat({"content": "A"}, "length"), "length", "A"),
        (openai, chat({"content": "A"}, None), "other", "A"),
        (openai, chat([{"content": "A"}]), "stop", "A"),
        (openai, chat({"content": [{"type": "text", "text": "A"}, "B"]}), "stop", "AB"),
        (openai, {"choices": [{"text": "A", "finish_reason": "stop"}]}, "stop", "A"),
        (anthropic, {"content": [], "stop_reason": "refusal"}, "refusal", ""),
        (
            anthropic,
            {
                "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
                "stop_reason": "max_tokens",
            },
            "length",
            "AB",
        ),
        (ollama, {"response": "A", "done": True, "done_reason": "length"}, "length", "A"),
    ],
)
def test_refused_and_cut_are_outcomes(
    dialect: Any, body: dict[str, Any], finish: str, text: str
) -> None:
    found = dialect.generation(body)
    assert (found.finish_reason, found.text, found.error) == (finish, text, None)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (openai, {"choices": []}),
        (openai, {}),
        (openai, {"choices": [{"finish_reason": "stop"}]}),
        (anthropic, {"content": [], "stop_reason": "end_turn"}),
        (anthropic, {}),
        (ollama, {}),
        (ollama, {"message": {"content": "A"}, "done": False}),
    ],
)
def test_an_answer_that_is_none_is_a_passing_fault(dialect: Any, body: dict[str, Any]) -> None:
    with pytest.raises(Fault) as caught:
        dialect.generation(body)
    assert not caught.value.error.permanent


def test_usage_counts_reasoning_and_cached_tokens() -> None:
    body = chat({"content": "A"}) | {
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 9,
            "completion_tokens_details": {"reasoning_tokens": 4},
            "cost": 0.5,
        }
    }
    usage = openai.generation(body).usage
    assert usage is not None
    assert usage.model_dump() == {
        "prompt_tokens": 3,
        "completion_tokens": 9,
        "reasoning_tokens": 4,
        "cost": 0.5,
    }
    said = {"input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 2}
    body = {"content": [{"type": "text", "text": "A"}], "stop_reason": "end_turn", "usage": said}
    found = anthropic.generation(body).usage
    assert found is not None
    assert (found.prompt_tokens, found.completion_tokens) == (13, 2)


def test_every_seed_is_sent_under_the_servers_own_word() -> None:
    ours = openai.call("m", request(seed=5), Quirks()).body
    mistral = openai.known("m", "https://api.mistral.ai/v1")
    theirs = openai.call("m", request(seed=5), mistral).body
    assert ours["seed"] == 5
    assert (theirs["random_seed"], "seed" in theirs) == (5, False)
    native = ollama.call("m", request(seed=2**40 + 5), Quirks()).body
    assert native["options"]["seed"] == 5


def test_reasoning_models_get_no_sampling_that_they_refuse() -> None:
    url = "https://api.openai.com/v1"
    for model in ("o1", "o3-mini", "gpt-5.4-mini"):
        body = openai.call(model, request(stop=("x",)), openai.known(model, url)).body
        assert not {"temperature", "top_p", "stop", "max_tokens"} & set(body)
        # The answer has its 512 tokens, whatever is thought before.
        assert body["max_completion_tokens"] == 512 + 8192
    # A digit 5 alone makes no reasoner.
    body = openai.call("gpt-3.5-turbo", request(), openai.known("gpt-3.5-turbo", url)).body
    assert body["temperature"] == 0


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("claude-3-sonnet-20240229", (3, 0)),
        ("claude-3-5-sonnet-20240620", (3, 5)),
        ("claude-opus-4-20250514", (4, 0)),
        ("claude-opus-4-7", (4, 7)),
        ("claude-sonnet-4-6-20260301", (4, 6)),
        ("claude-opus-5", (5, 0)),
        ("smollm2", None),
    ],
)
def test_claude_versions_are_read_out_of_names(model: str, version: tuple[int, int] | None) -> None:
    assert claude_version(model) == version


def test_new_claudes_get_no_temperature_and_old_ones_do() -> None:
    for model, sent in (("claude-3-opus-20240229", True), ("claude-opus-4-7", False)):
        body = anthropic.call(model, request(), anthropic.known(model, "")).body
        assert ("temperature" in body) is sent


def test_a_claude_body_has_system_apart_and_no_empty_stops() -> None:
    body = anthropic.call(
        "claude-3-opus", request(system="Be brief.", stop=("\n", "Q:")), Quirks()
    ).body
    assert body["system"] == "Be brief."
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert body["stop_sequences"] == ["Q:"]
    assert "top_p" not in body


def test_claude_thinking_fits_the_version() -> None:
    quirks = Quirks(reasoning="low")
    old = anthropic.call("claude-3-7-sonnet-20250219", request(max_tokens=100), quirks).body
    assert old["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert old["max_tokens"] == 2148
    assert "temperature" not in old
    new = anthropic.call("claude-opus-4-7", request(), quirks).body
    assert new["thinking"]["type"] == "adaptive"
    assert new["output_config"] == {"effort": "low"}


def test_plain_text_goes_to_the_text_endpoint_or_is_refused() -> None:
    ours = openai.call("m", request("Once", chat=False), Quirks())
    assert (ours.path, ours.body["prompt"]) == ("/completions", "Once")
    native = ollama.call("m", request("Once", chat=False), Quirks())
    assert (native.path, native.body["raw"]) == ("/api/generate", True)
    with pytest.raises(ValueError, match="plain-text"):
        anthropic.call("m", request(chat=False), Quirks())


def test_a_model_without_a_system_role_gets_it_in_the_user_turn() -> None:
    body = openai.call("m", request("Hi", system="Be brief."), Quirks(merge_system=True)).body
    assert body["messages"] == [{"role": "user", "content": "Be brief.\n\nHi"}]


@pytest.mark.parametrize(
    ("refusal", "sent", "change"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            {"max_tokens": 1},
            {"max_tokens_field": "max_completion_tokens"},
        ),
        (
            "Unsupported value: 'temperature' does not support 0 with this model. Only the "
            "default (1) value is supported.",
            {"temperature": 0},
            {"unsent": ("temperature",)},
        ),
        ("Unrecognized request argument supplied: `seed`", {"seed": 1}, {"unsent": ("seed",)}),
        ("System role not supported", {}, {"merge_system": True}),
    ],
)
def test_refusals_teach(refusal: str, sent: dict[str, Any], change: dict[str, Any]) -> None:
    learnt = openai.adapt(Quirks(), sent, refusal)
    assert learnt == Quirks().model_copy(update=change)


def test_a_refusal_of_something_else_teaches_nothing() -> None:
    refusal = "This model's maximum context length is 4096 tokens; your messages have 9000"
    assert openai.adapt(Quirks(), {"temperature": 0}, refusal) is None


def test_both_of_temperature_and_top_p_are_never_sent_to_claude() -> None:
    for temperature in (0.0, 0.7, 1.0):
        asked = request(temperature=temperature, top_p=0.9)
        body = anthropic.call("claude-opus-4-1", asked, Quirks()).body
        assert not {"temperature", "top_p"} <= set(body)


def test_ollamas_context_holds_the_longest_request() -> None:
    short, long = request("a" * 100), request("word 123, " * 2000, max_tokens=700)
    quirks = ollama.prepare(Quirks(), [short, long])
    assert quirks.num_ctx is not None
    assert quirks.num_ctx >= 20000 // 2 + 700
    sent = ollama.call("m", short, quirks).body
    assert sent["options"]["num_ctx"] == quirks.num_ctx
    assert sent["truncate"] is False
    capped = ollama.prepare(Quirks(context=4096), [long])
    assert capped.num_ctx == 4096


@pytest.mark.parametrize(
    ("dialect", "given", "base"),
    [
        (openai, "http://h:1", "http://h:1/v1"),
        (openai, "http://h:1/v1/", "http://h:1/v1"),
        (openai, "http://h:1/v1/chat/completions", "http://h:1/v1"),
        (openai, "http://h/v1beta/openai", "http://h/v1beta/openai"),
        (anthropic, "http://h:1", "http://h:1/v1"),
        (anthropic, "http://h:1/v1/messages", "http://h:1/v1"),
        (ollama, "http://h:1/v1", "http://h:1"),
        (ollama, "http://h:1/", "http://h:1"),
    ],
)
def test_urls_are_fitted(dialect: Any, given: str, base: str) -> None:
    assert dialect.fit_url(given) == base
