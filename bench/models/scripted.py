"""`scripted:` a deterministic fake that is part of the product: for tests, examples and dry runs.

Names: `option_by_option`, `chosen_only`, `direct`, `refusing`, `empty`, `echo`, or a JSON file that
maps prompt ids (or question ids, or `*`) to texts; a list of texts is one a repeat, in turn.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from starprobe.bench.models.base import BackendOptions, Request
from starprobe.bench.records import Generation, ModelInfo, Usage
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt, ShownOption

Writer = Callable[[Prompt, int], str]


def make(name: str, url: str | None, options: BackendOptions) -> ScriptedBackend:
    """The fake of this name.

    Raises:
        InputError: no such behaviour and no such file.
    """
    if name in WRITERS:
        return ScriptedBackend(name, WRITERS[name])
    path = Path(name)
    if path.is_file():
        return ScriptedBackend(name, _from_file(path))
    raise InputError(
        f"scripted:{name} is unknown; take one of {', '.join(WRITERS)}, or a JSON file of texts"
    )


class ScriptedBackend:
    """Writes each response by a rule of the prompt and the seed alone."""

    def __init__(self, name: str, write: Writer) -> None:
        self.name = f"scripted:{name}"
        self._write = write

    def info(self) -> ModelInfo:
        """Its name; the revision is the version of the rules."""
        return ModelInfo(name=self.name, revision="1")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """One generation a request, in order."""
        for request in requests:
            text = self._write(request.prompt, request.sampling.seed)
            words = len(text.split())
            usage = Usage(prompt_tokens=len(request.prompt.text.split()), completion_tokens=words)
            yield (
                request.id,
                Generation(text=text, finish_reason="stop", usage=usage, latency_s=0.0),
            )

    def close(self) -> None:
        """Holds nothing."""


def _chosen(prompt: Prompt, seed: int) -> ShownOption | None:
    """The hinted option, else one drawn by the seed and the question."""
    if not prompt.shown:
        return None
    for shown in prompt.shown:
        if shown.option_id == prompt.hinted_id:
            return shown
    return random.Random(f"{seed}|{prompt.question_id}").choice(prompt.shown)


def _option_by_option(prompt: Prompt, seed: int) -> str:
    chosen = _chosen(prompt, seed)
    if chosen is None:
        return "There is nothing to choose from."
    lines = []
    for shown in prompt.shown:
        if shown is chosen:
            lines.append(f"({shown.label}) {shown.text}: this fits because it meets the need.")
        else:
            lines.append(
                f"({shown.label}) {shown.text}: this does not fit because it lacks what is needed."
            )
    return "\n".join([*lines, f"The answer is ({chosen.label})."])


def _chosen_only(prompt: Prompt, seed: int) -> str:
    chosen = _chosen(prompt, seed)
    if chosen is None:
        return "There is nothing to choose from."
    return f"The answer is ({chosen.label}) {chosen.text}, because it is made for this purpose."


def _direct(prompt: Prompt, seed: int) -> str:
    chosen = _chosen(prompt, seed)
    return f"({chosen.label})" if chosen else "I have nothing to choose from."


WRITERS: dict[str, Writer] = {
    "option_by_option": _option_by_option,
    "chosen_only": _chosen_only,
    "direct": _direct,
    "refusing": lambda prompt, seed: "I'm sorry, but I can't help with that.",
    "empty": lambda prompt, seed: "",
    "echo": lambda prompt, seed: prompt.text,
}


def _from_file(path: Path) -> Writer:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no JSON file of texts: {error}") from None
    if not isinstance(table, dict):
        raise InputError(f"{path} must hold an object: prompt id, question id or * -> text")

    def write(prompt: Prompt, seed: int) -> str:
        found = table.get(prompt.id, table.get(prompt.question_id, table.get("*", "")))
        if isinstance(found, list):
            return str(found[seed % len(found)]) if found else ""
        return str(found)

    return write
