"""The frozen nouns of what we ask: options, questions, sets, conditions and rendered prompts.

An option's identity is its id, never the letter it is shown under: letters belong to a `Prompt`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

CANARY = "starprobe canary 6e3c89e6-4571-46e8-bbc7-4d0cc6cbd710"
"""Stands in every question of ours and in every file of them: whoever gathers training data can
leave them out by it, and a model that can go on with it has been trained on them."""


class Record(BaseModel):
    """Base of everything that is stored: frozen, and unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(Record):
    """One of the answers offered."""

    id: str
    """Stable inside its question; `o1`, `o2`, ... in file order unless the file names ids."""
    text: str
    label: str = ""
    """The label its file gives it ("A"), kept for reading and writing files only."""


class Question(Record):
    """A stem and its options; `answer_id` is None where no right option is known."""

    id: str
    stem: str
    options: tuple[Option, ...] = ()
    answer_id: str | None = None
    answer_text: str | None = None
    """The answer of a question without options (GSM8K-like), as its file writes it."""
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Question:
        ids = [option.id for option in self.options]
        if len(set(ids)) != len(ids):
            raise ValueError(f"option ids are not unique: {ids}")
        if self.answer_id is not None and self.answer_id not in ids:
            raise ValueError(f"the answer {self.answer_id!r} is none of the options {ids}")
        return self

    def marked(self, field: str) -> Option | None:
        """The option whose label a field of the metadata gives (`tempting`, `preferred`)."""
        label = self.metadata.get(field)
        for place, option in enumerate(self.options):
            if label is not None and label == (option.label or "ABCDEFGHIJ"[place % 10]):
                return option
        return None

    def option(self, option_id: str) -> Option:
        """The option with this id; KeyError where there is none."""
        for option in self.options:
            if option.id == option_id:
                return option
        raise KeyError(option_id)


class ProbeSet(Record):
    """A named set of questions; the hash is of the questions alone, not of the name."""

    name: str
    version: str = "1"
    questions: tuple[Question, ...]

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the questions as canonical JSON."""
        dumped = [question.model_dump(mode="json") for question in self.questions]
        canonical = json.dumps(dumped, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class Message(Record):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class ShownOption(Record):
    """Which option stands under which label in one prompt."""

    label: str
    option_id: str
    text: str


def _nothing(value: object) -> bool:
    return not value


class Prompt(Record):
    """A question under a condition in one option order, ready for chat and for base models."""

    id: str
    """Names question, condition and order; made by `probes.rendering`."""
    question_id: str
    probes: str = ""
    """The set that the question is of, where a run asks several."""
    condition: str
    order: int = 0
    """Which rotation of the options is shown; 0 is file order."""
    stem: str
    shown: tuple[ShownOption, ...]
    answer_id: str | None = None
    hinted_id: str | None = None
    """The option that the prompt presents as right, where it does."""
    tempting_id: str | None = Field(None, exclude_if=_nothing)
    """The obvious option that is wrong, where the set names one."""
    preferred_id: str | None = Field(None, exclude_if=_nothing)
    """Where no option is right or wrong: the one that the set prefers."""
    lacks: Literal["missing", "false_premise", "unknowable"] | None = Field(
        None, exclude_if=_nothing
    )
    """Why no option is right, where none is."""
    accepted: tuple[str, ...] = Field((), exclude_if=_nothing)
    """Where no options are shown: the texts that are right answers."""
    refused: tuple[str, ...] = Field((), exclude_if=_nothing)
    """And those that are wrong ones."""
    asks: Literal["nothing", "answer", "reasons"] = "nothing"
    """What the wording asks for beyond an answer; only where it is `reasons` are they elicited."""
    twin: str = ""
    """The condition that a user's own is held against; built-in ones say it by their name."""
    messages: tuple[Message, ...]
    """For models with a chat template."""
    text: str
    """For models without: the same request as plain text, ending where the response begins."""

    @property
    def labels(self) -> dict[str, str]:
        """Label -> option id."""
        return {shown.label: shown.option_id for shown in self.shown}

    def label_of(self, option_id: str) -> str:
        """The label that this prompt shows the option under; KeyError where it shows it not."""
        for shown in self.shown:
            if shown.option_id == option_id:
                return shown.label
        raise KeyError(option_id)
