"""Conversations: `messages` and ShareGPT rows, and the exports of ChatGPT and Claude.ai.

The question is the user's turn, the response the model's turn behind it. What else was said in a
chat, in turns without options beside others that have some, is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from starprobe.bench.importers.chat import model_name, turns_of
from starprobe.bench.importers.sample import Sample, Stated, all_stated, completed, stated
from starprobe.bench.importers.tables import NAMES
from starprobe.bench.models.thinking import content_parts, join, split_reasoning
from starprobe.probes.choices import low, parsed
from starprobe.probes.errors import InputError
from starprobe.probes.formats import Row
from starprobe.probes.parsing import Described, describe

FIELDS = (
    "messages", "conversations", "conversation", "turns", "chat", "dialog", "dialogue",
    "chat_messages",
)  # fmt: skip
PAIRS = ("chosen", "rejected")


class Turn(NamedTuple):
    """A question and what a model said to it."""

    asked: str
    said: str
    reasoning: str | None = None
    model: str = ""
    before: str = ""
    """What was sent before it: the system's turn and worked examples."""


def fits(row: Mapping[str, Any]) -> bool:
    """Whether a row is a conversation that a model's turn ends, or an exported chat."""
    if isinstance(row.get("mapping"), Mapping):
        return True
    if all(_list(row.get(name)) for name in PAIRS) and not any(_list(row.get(n)) for n in FIELDS):
        return True
    field = _field(row)
    roles = [role for role, _ in turns_of(_list(row[field]))] if field else []
    if not roles or "assistant" not in roles:
        return False
    return roles[-1] == "assistant" or not any(low(name) in NAMES["response"] for name in row)


def samples(rows: Sequence[Row], notes: list[str]) -> Iterator[Sample]:
    """One sample a response.

    Args:
        rows: the rows.
        notes: takes a line on what was left out.

    Raises:
        InputError: a row that is no conversation.
    """
    turned = _without_examples(rows, [_turns(row, where) for where, row in rows], notes)
    questions = all_stated(
        [(where, _rest(row)) for where, row in rows],
        [_about(row, where) for where, row in rows],
        [turns[0].asked if len(turns) == 1 else None for turns in turned],
    )
    left = 0
    found: list[tuple[Sample, bool]] = []
    for (where, row), own, turns in zip(rows, questions, turned, strict=True):
        for turn in turns:
            shown = own if len(turns) == 1 else _stated(turn)
            model = turn.model or _model(row)
            found.append((_sample(where, row, turn, shown, model), bool(shown.options)))
    several = any(len(turns) > 1 for turns in turned) or "mapping" in rows[0][1]
    for sample, has_options in found:
        if several and not has_options and any(with_options for _, with_options in found):
            left += 1
            continue
        yield sample
    if left:
        notes.append(f"{left} turns without options, beside others that have some, are left out")


def _stated(turn: Turn) -> Stated:
    return stated(completed(Described(None), turn.asked), None, turn.asked)


def _sample(where: str, row: Mapping[str, Any], turn: Turn, shown: Stated, model: str) -> Sample:
    names = ("question_id", "custom_id", "prompt_id", "id", "conversation_id")
    return Sample(
        where=where,
        names=tuple(str(row[n]) for n in names if isinstance(row.get(n), str | int)),
        **shown._asdict(),
        response=turn.said,
        reasoning=turn.reasoning,
        model=model,
        prompt="\n\n".join(part for part in (turn.before, turn.asked) if part),
    )


def _about(row: Mapping[str, Any], where: str) -> Described:
    """What the row says of its question beside the conversation."""
    if "mapping" in row or low("chat_messages") in row:
        return Described(None)
    return describe(_rest(row), where)


def _rest(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if low(name) not in (*FIELDS, *PAIRS, "mapping", "prompt", "title", "name")
    }


def _turns(row: Mapping[str, Any], where: str) -> list[Turn]:
    if isinstance(row.get("mapping"), Mapping):
        return list(_tree(row["mapping"]))
    field = _field(row)
    if field is None:
        if all(_list(row.get(name)) for name in PAIRS):
            raise InputError(
                f"{where}: holds two responses, chosen and rejected; say which is meant: "
                f"--map prompt=prompt --map response=chosen.1.content"
            )
        raise InputError(f"{where}: holds no conversation, as the rows before it do")
    said = _list(row[field])
    turns = turns_of(said)
    pairs: list[Turn] = []
    system = "\n\n".join(text for role, text in turns if role == "system")
    for index, (role, text) in enumerate(turns):
        if role != "assistant" or index == 0 or turns[index - 1][0] != "user":
            continue
        text, thought = _parts(said[index], text)
        model = model_name(said[index])
        pairs.append(Turn(turns[index - 1][1], text, thought, model, system))
    if not pairs:
        raise InputError(f"{where}: no turn of a model follows one of a user ({field!r})")
    return pairs


def _without_examples(
    rows: Sequence[Row], turned: Sequence[list[Turn]], notes: list[str]
) -> list[list[Turn]]:
    """The turns without those that stand in several conversations: worked examples."""
    if len(rows) < 2 or "mapping" in rows[0][1] or "chat_messages" in rows[0][1]:
        return list(turned)
    met = Counter(
        pair for turns in turned for pair in {(one.asked, one.said) for one in turns[:-1]}
    )
    shared = {pair for pair, count in met.items() if count > 1}
    result, examples = [], 0
    for turns in turned:
        shown = [one for one in turns[:-1] if (one.asked, one.said) in shared]
        before = "\n\n".join(text for one in shown for text in (one.asked, one.said))
        examples += bool(shown)
        result.append(
            [
                one._replace(before="\n\n".join(filter(None, (one.before, before))))
                for one in turns
                if one not in shown
            ]
        )
    if examples:
        notes.append(f"{examples} conversations begin with worked examples, which are no responses")
    return result


def _parts(turn: Mapping[str, Any], text: str) -> tuple[str, str | None]:
    """Text and thinking of a model's turn."""
    inside = content_parts(turn.get("content")) if turn.get("content") else split_reasoning(text)
    apart = [str(turn[n]) for n in ("reasoning_content", "reasoning", "thinking") if turn.get(n)]
    return inside.text, join(*apart, inside.reasoning)


def _tree(mapping: Mapping[str, Any]) -> Iterator[Turn]:
    """The turns of a chat that may have branches: an answer made anew is one more response."""
    for node in mapping.values():
        if _role(node) != "user" or not (asked := _written(node)):
            continue
        for child in node.get("children") or []:
            texts, thoughts, model = [], [], ""
            at = mapping.get(child)
            while isinstance(at, Mapping) and _role(at) != "user":
                message = at.get("message") or {}
                kind = (message.get("content") or {}).get("content_type")
                if _role(at) == "assistant" and message.get("recipient") in (None, "all"):
                    if kind in {"text", "multimodal_text"}:
                        texts.append(_written(at))
                    elif kind == "thoughts":
                        said = message["content"].get("thoughts") or []
                        thoughts += [str(one.get("content") or "") for one in said]
                    meta = message.get("metadata") or {}
                    model = meta.get("model_slug") or meta.get("default_model_slug") or model
                following = at.get("children") or []
                at = mapping.get(following[-1]) if following else None
            text = "\n\n".join(one for one in texts if one)
            if text:
                yield Turn(asked, text, join(*thoughts), str(model))


def _role(node: Mapping[str, Any]) -> str:
    return str((((node.get("message") or {}).get("author")) or {}).get("role") or "")


def _written(node: Mapping[str, Any]) -> str:
    parts = ((node.get("message") or {}).get("content") or {}).get("parts") or []
    return "\n".join(
        part if isinstance(part, str) else str(part.get("text") or "")
        for part in parts
        if isinstance(part, str | Mapping)
    ).strip()


def _field(row: Mapping[str, Any]) -> str | None:
    by_low = {low(name): name for name in reversed(list(row))}
    return next((by_low[n] for n in FIELDS if n in by_low and _list(row[by_low[n]])), None)


def _list(value: Any) -> list[Mapping[str, Any]]:
    """A list of turns, which a table may hold as JSON."""
    value = parsed(value) if isinstance(value, str) else value
    good = isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value)
    marks = {"role", "from", "sender"}
    return list(value) if good and all(marks & set(one) for one in value) else []


def _model(row: Mapping[str, Any]) -> str:
    names = ("model", "model_name", "model_id", "default_model_slug")
    said = next((row[name] for name in names if isinstance(row.get(name), str)), "")
    return said or ("claude.ai" if "chat_messages" in row else "")
