"""Thinking told from the answer, in each of the shapes in which it arrives.

Split once, above the backends (`generate`), so that each gives the same response for the same text.

Apart from the text: `reasoning_content`, `reasoning` and `reasoning_details` (OpenAI-like servers),
`thinking` (Ollama), chunks of type `thinking` (Mistral) and blocks of type `thinking` (Anthropic).
Inside the text: between tags that the model's own template writes, the opening one often missing
because the template has supplied it. Tags that a prompt asks for (`<scratchpad>`) are not among
them: what a model was asked to write is its visible answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from starprobe.bench.records import Generation

TAGS = (
    ("<think>", "</think>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
)
CHANNELS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>")
MARKS = frozenset({mark for pair in TAGS for mark in pair} | set(CHANNELS))
"""What tells thinking from an answer inside a text: kept when tokens are made text again."""
WRITTEN = re.compile(
    r"""[<%\[](think|thinking|thought|scratchpad|antthinking|reasoning)[>%\]]
        (.*?)(?:[<%\[]/\1[>%\]]|\Z)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""Thinking between tags that a prompt asked for: part of the visible answer, and still thinking."""
FIELDS = ("reasoning_content", "reasoning", "thinking")
_HARMONY = re.compile(
    r"<\|channel\|>(?P<channel>\w+)[^<]*<\|message\|>(?P<text>.*?)(?=<\|end\|>|<\|return\|>|<\|start\|>|\Z)",
    re.DOTALL,
)


class Parts(NamedTuple):
    """A response taken apart."""

    text: str
    reasoning: str | None


def split_generation(generation: Generation) -> Generation:
    """The generation with the thinking inside its text taken apart; its text as it was in `raw`."""
    parts = split_reasoning(generation.text)
    if generation.error is not None or parts.text == generation.text:
        return generation
    apart = join(generation.reasoning, parts.reasoning)
    return generation.model_copy(
        update={"text": parts.text, "reasoning": apart, "raw": generation.text}
    )


def whole(said: Generation) -> str:
    """All that a model wrote, thinking included: what a model is trained on.

    As it was written, where that is known; thinking that a service kept apart gets the commonest
    tags.
    """
    if said.raw is not None:
        return said.raw
    if said.reasoning:
        opening, closing = TAGS[0]
        return f"{opening}\n{said.reasoning}\n{closing}\n\n{said.text}"
    return said.text


def split_reasoning(text: str) -> Parts:
    """The thinking inside a text, and the rest.

    Thinking that was cut short, before its closing tag, is all thinking and no answer.
    """
    if "<|channel|>" in text:
        return _split_harmony(text)
    for opening, closing in TAGS:
        before, found, rest = text.partition(closing)
        if found:
            head, opened, thought = before.partition(opening)
            if not opened:
                head, thought = "", before
            return Parts((head + rest).strip(), thought.strip() or None)
        if text.lstrip().startswith(opening):
            return Parts("", text.lstrip().removeprefix(opening).strip() or None)
    return Parts(text, None)


def content_parts(content: Any) -> Parts:
    """Text and thinking of a `content` that is a string, a list of parts or blocks, or null.

    Tags inside the text are left in it.
    """
    if content is None:
        return Parts("", None)
    if isinstance(content, str):
        return Parts(content, None)
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping):
            thought = _plain(part.get("thinking")) or _plain(part.get("reasoning"))
            if part.get("type") in {"thinking", "reasoning"} or thought:
                thoughts.append(thought or _plain(part.get("summary")) or _plain(part.get("text")))
            else:
                texts.append(_plain(part.get("text")) or _plain(part.get("refusal")))
    return Parts("".join(texts), join(*thoughts))


def message_parts(message: Mapping[str, Any]) -> Parts:
    """Text and thinking of a chat message, wherever the thinking is."""
    inside = content_parts(message.get("content"))
    apart = [_plain(message.get(field)) for field in FIELDS]
    if not any(apart):
        apart = [_plain(message.get("reasoning_details"))]
    return Parts(inside.text, join(*apart, inside.reasoning))


def join(*thoughts: str | None) -> str | None:
    """The distinct ones that are not empty, a blank line between; None where there is none."""
    kept = dict.fromkeys(thought.strip() for thought in thoughts if thought and thought.strip())
    return "\n\n".join(kept) or None


def _plain(value: Any) -> str:
    """The text of a string, of a list of `{text}` or `{summary}` parts, or of one such part."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next(
            (
                _plain(value[key])
                for key in ("text", "thinking", "summary", "content")
                if value.get(key)
            ),
            "",
        )
    if isinstance(value, list):
        return "".join(_plain(part) for part in value)
    return ""


def _split_harmony(text: str) -> Parts:
    """gpt-oss's channels, where a server passes them through unparsed."""
    channels = [(found["channel"], found["text"].strip()) for found in _HARMONY.finditer(text)]
    final = [said for channel, said in channels if channel == "final"]
    thoughts = [said for channel, said in channels if channel != "final"]
    return Parts("\n".join(final), join(*thoughts))
