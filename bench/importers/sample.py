"""A sample: a response made elsewhere, its question as the model saw it, and what it may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from starprobe.bench.models.thinking import content_parts
from starprobe.bench.records import FinishReason, Usage
from starprobe.probes.choices import Choice, Described, lists_in_text, options_in_text
from starprobe.probes.errors import InputError
from starprobe.probes.formats import Row
from starprobe.probes.parsing import key_labels
from starprobe.probes.schema import Prompt, Question, Record


class Importer(Protocol):
    """What reads rows of a form that we do not know."""

    def samples(self, rows: Sequence[Row]) -> Iterator[Sample]:
        """A sample of each row."""


class Sample(Record):
    """One response made elsewhere."""

    where: str
    """File and line, for errors."""
    id: str | None = None
    """The source's own id of the response."""
    names: tuple[str, ...] = ()
    """Ids in the source that may name the prompt or the question, the surest first."""
    question: str = ""
    """Empty where the source has responses alone, until questions are joined."""
    options: tuple[Choice, ...] = ()
    response: str = ""
    answer: str | None = None
    """A label of `options`; without options, the answer as the source writes it."""
    model: str = ""
    condition: str = "imported"
    repeat: int | None = None
    prompt: str | None = None
    """The whole text that was sent, where the source has it."""
    derived: bool = False
    """Whether `question` was cut out of the prompt, and may begin with an instruction."""
    asked: Prompt | None = None
    """The prompt of ours that it answers, where it is one."""
    of_set: Question | None = None
    """The question of the joined set that it answers."""
    probes: str = ""
    """Name of the joined set."""
    reasoning: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    latency_s: float | None = None
    error: str | None = None


_MARKS = {
    "choices", "output", "outputs", "message", "messages", "content", "candidates", "usage",
    "tokenUsage", "token_usage", "finish_reason", "stop_reason", "generated_text", "text",
    "response", "completion", "role", "status", "body", "error", "model",
}  # fmt: skip
"""Fields of what tools wrap responses in; a model that answers in JSON has other ones."""


class Stated(NamedTuple):
    """A question as it was shown: fields of `Sample`."""

    question: str = ""
    options: tuple[Choice, ...] = ()
    answer: str | None = None
    derived: bool = False
    """Whether the stem was cut out of a prompt, which may begin with an instruction."""


def all_stated(
    rows: Sequence[Row], described: Sequence[Described], prompts: Sequence[str | None]
) -> list[Stated]:
    """The question of each row, from what it says of it, the text sent, and the rows' key."""
    said = [completed(*pair) for pair in zip(described, prompts, strict=True)]
    labels = key_labels(rows, said)
    return [
        stated(about, label, prompt)
        for about, (label, _), prompt in zip(said, labels, prompts, strict=True)
    ]


def completed(said: Described, prompt: str | None) -> Described:
    """What a row says, with the options of its prompt where the row has none."""
    inside = options_in_text(prompt) if prompt and not said.choices else None
    if inside is None or (said.stem and not _holds(inside.stem, said.stem)):
        return said
    return said._replace(choices=inside.options)


def stated(said: Described, label: str | None, prompt: str | None) -> Stated:
    """Stem and options as the model saw them, and the label of the right one there.

    Where the prompt shows the same options in another order than the row does, its letters count.

    Args:
        said: what the row's fields say.
        label: the key, as a label of the row's options; without options, the answer.
        prompt: the text that was sent, or its last turn.
    """
    inside = options_in_text(prompt) if prompt else None
    if not said.choices:
        return Stated(said.stem or (prompt or "").strip(), (), label, said.stem is None)
    right = said.right
    if right is None and label is not None:
        right = next((one.text for one in said.choices if one.label == label), None)
    shown = said.choices
    wanted = sorted(map(_bare, (one.text for one in said.choices)))
    for found in lists_in_text(prompt) if prompt else ():
        if sorted(_bare(one.text) for one in found) == wanted:
            texts = {_bare(one.text): one.text for one in said.choices}
            shown = tuple(Choice(label=one.label, text=texts[_bare(one.text)]) for one in found)
    answer = next((one.label for one in shown if one.text == right), None) if right else None
    stem = said.stem or (inside.stem if inside else (prompt or "").strip())
    return Stated(stem, shown, answer, said.stem is None)


def _holds(whole: str, part: str) -> bool:
    return " ".join(part.split()) in " ".join(whole.split())


def _bare(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower() or text.strip()


def text_of(value: Any, where: str, field: str, as_json: bool = False) -> str | None:
    """The response in a field; None where there is none.

    Args:
        value: what stands in the field.
        where: file and line.
        field: the field's name.
        as_json: the models were asked for JSON, and it is the response.

    Raises:
        InputError: it is no text, or an envelope written as JSON.
    """
    if value is None or value != value:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping) and value.get("role") == "assistant" and value.get("content"):
        value = content_parts(value["content"]).text
    if not isinstance(value, str):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        inner = ", ".join(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
        raise InputError(
            f"{where}: field {field!r} is no text but holds {inner:.120}; say where the "
            f"text stands: --map response={field}.FIELD"
        )
    if not as_json and _MARKS & set(envelope(value) or ()):
        raise InputError(
            f"{where}: the response ({field!r}) is a JSON object, {value.strip()[:50]!r}; say "
            f"where the text stands: --map response={field}.FIELD, or, if models answered in JSON, "
            f"--json-responses"
        )
    return value


def check_json(texts: Sequence[str], name: str) -> None:
    """Refuses responses most of which are JSON objects: they are what something is wrapped in.

    Raises:
        InputError: more than half are.
    """
    wrapped = [text for text in texts if envelope(text) is not None]
    if len(wrapped) > len(texts) / 2:
        raise InputError(
            f"{name}: {len(wrapped)} of {len(texts)} responses are JSON objects, as "
            f"{wrapped[0].strip()[:50]!r}; say where the text stands: --map response=FIELD.FIELD, "
            f"or, if models answered in JSON, --json-responses"
        )


def name_of(value: Any, where: str) -> str:
    """A model's name.

    Raises:
        InputError: it is neither a text nor an object with one.
    """
    if isinstance(value, str) and envelope(value) is not None:
        value = json.loads(value)
    if isinstance(value, Mapping):
        value = next((value[n] for n in ("label", "name", "id", "model") if value.get(n)), value)
    if value is None or value != value:
        return ""
    if not isinstance(value, str | int):
        raise InputError(
            f"{where}: the model's name is no text but {value!r:.60}; say where it stands: "
            f"--map model=FIELD.FIELD"
        )
    return str(value).strip()


def envelope(text: str) -> Mapping[str, Any] | None:
    """The (first) object of a text that is a JSON object, or a list of them, and nothing else."""
    bare = text.strip()
    if bare[:1] not in {"{", "["} or bare[-1:] not in {"}", "]"}:
        return None
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    found = value if isinstance(value, list) else [value]
    return found[0] if found and all(isinstance(one, Mapping) for one in found) else None
