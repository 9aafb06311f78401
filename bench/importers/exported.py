"""Prompts as files that others ask: batch APIs, a gateway, a spreadsheet, a chat window.

Each prompt goes out under its id, and whatever comes back with that id is read as its response.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.ask import derived_seed
from starprobe.bench.files import write_atomic, write_jsonl
from starprobe.bench.importers.join import BESIDE, custom_id, named_by, plain_id
from starprobe.bench.importers.sample import Sample
from starprobe.bench.records import Sampling
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt

PLACEHOLDER = "MODEL"
"""Stands for the model in a batch that names none."""
_SECTION = re.compile(r"^<!-- prompt: (?P<id>.+?) -->\s*$", re.MULTILINE)
_RESPONSE = re.compile(
    r"^Response of (?P<model>[^\n]*?):\s*\n+~~~~?[^\n]*\n(?P<text>.*?)\n?~~~~?\s*$",
    re.MULTILINE | re.DOTALL,
)


class Outgoing(NamedTuple):
    """One response that is to be had."""

    name: str
    """The prompt's id, and the repeat's number."""
    prompt: Prompt
    repeat: int
    model: str
    sampling: Sampling


def export_prompts(
    prompts: Sequence[Prompt],
    out: Path,
    form: str,
    *,
    model: str | None = None,
    repeats: int = 1,
    sampling: Sampling | None = None,
) -> list[Path]:
    """The files written: the prompts in a form, and, where it has no room for them, as they are.

    Args:
        prompts: what to ask.
        out: the file.
        form: one of `FORMS`.
        model: the model's name in the service, for batches.
        repeats: responses a prompt.
        sampling: how to sample, for batches.

    Raises:
        InputError: an unknown form, or an id that a service does not take.
    """
    if form not in FORMS:
        raise InputError(f"--format {form}: one of {', '.join(FORMS)}")
    if not prompts:
        raise InputError("nothing is asked: the conditions fit none of the questions")
    asked = [
        Outgoing(
            custom_id(prompt.id, repeat),
            prompt,
            repeat,
            model or PLACEHOLDER,
            _seeded(sampling or Sampling(), prompt, repeat),
        )
        for prompt in prompts
        for repeat in range(repeats)
    ]
    write_atomic(out, FORMS[form](asked, out))
    if form == "jsonl":
        return [out]
    beside = out.with_name(f"{out.stem}{BESIDE}")
    write_jsonl(beside, prompts)
    return [out, beside]


def _seeded(sampling: Sampling, prompt: Prompt, repeat: int) -> Sampling:
    """The sampling with the seed that `starprobe run` gives this repeat of the prompt."""
    return sampling.model_copy(update={"seed": derived_seed(sampling.seed, prompt.id, repeat)})


def _openai(asked: Sequence[Outgoing], out: Path) -> str:
    """Input of OpenAI's batch API, which Azure, Mistral, Together, Groq and vLLM take too."""
    return _lines(
        {
            "custom_id": one.name,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": one.model,
                "messages": [turn.model_dump() for turn in one.prompt.messages],
                "max_tokens": one.sampling.max_tokens,
                "temperature": one.sampling.temperature,
                **({"top_p": one.sampling.top_p} if one.sampling.top_p != 1 else {}),
                "seed": one.sampling.seed,
            },
        }
        for one in asked
    )


def _anthropic(asked: Sequence[Outgoing], out: Path) -> str:
    """Anthropic's message batches: the body of the request, or its requests one a line."""
    requests = []
    for one in asked:
        system = "\n\n".join(t.content for t in one.prompt.messages if t.role == "system")
        requests.append(
            {
                "custom_id": plain_id(one.name),
                "params": {
                    "model": one.model,
                    "max_tokens": one.sampling.max_tokens,
                    "temperature": one.sampling.temperature,
                    **({"system": system} if system else {}),
                    "messages": [t.model_dump() for t in one.prompt.messages if t.role != "system"],
                },
            }
        )
    if out.suffix == ".jsonl":
        return _lines(requests)
    return json.dumps({"requests": requests}, ensure_ascii=False, indent=1) + "\n"


def _jsonl(asked: Sequence[Outgoing], out: Path) -> str:
    """Whole prompts: who answers adds `response` and `model` to each line."""
    return _lines({"custom_id": one.name, **one.prompt.model_dump(mode="json")} for one in asked)


def _csv(asked: Sequence[Outgoing], out: Path) -> str:
    """A table with empty columns for response and model."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["custom_id", "condition", "prompt", "model", "response"])
    for one in asked:
        table.writerow([one.name, one.prompt.condition, _as_text(one.prompt), "", ""])
    return text.getvalue()


def _markdown(asked: Sequence[Outgoing], out: Path) -> str:
    """Prompts to paste into a chat window, with room for what it says."""
    parts = [
        "Paste each prompt into a new chat, its response between the marks below it, and the "
        f"model's name in place of {PLACEHOLDER}. Then: starprobe import {out.name} --out DIR\n"
    ]
    for number, one in enumerate(asked, start=1):
        parts.append(
            f"<!-- prompt: {one.name} -->\n## {number} of {len(asked)}\n\n~~~~text\n"
            f"{_as_text(one.prompt)}\n~~~~\n\nResponse of {one.model}:\n\n~~~~\n\n~~~~\n"
        )
    return "\n".join(parts)


def _as_text(prompt: Prompt) -> str:
    return "\n\n".join(turn.content for turn in prompt.messages)


def _lines(rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


FORMS: dict[str, Callable[[Sequence[Outgoing], Path], str]] = {
    "openai-batch": _openai,
    "anthropic-batch": _anthropic,
    "jsonl": _jsonl,
    "csv": _csv,
    "markdown": _markdown,
}
"""What a file of prompts can be."""


def markdown_samples(path: Path) -> Iterator[Sample]:
    """The responses that were pasted into an exported Markdown file; empty ones are left out.

    Raises:
        InputError: it is no such file, or a response has no model.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    marks = list(_SECTION.finditer(text))
    if not marks:
        raise InputError(
            f"{path}: is no file of `starprobe prompts export --format markdown`; missing: its "
            f"lines <!-- prompt: ID -->"
        )
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=True):
        for found in _RESPONSE.finditer(text[mark.end() : end]):
            said, model = found["text"].strip(), found["model"].strip()
            if not said:
                continue
            if model == PLACEHOLDER:
                raise InputError(
                    f"{path}, {mark['id']}: write the model's name in 'Response of {PLACEHOLDER}:'"
                )
            yield Sample(
                where=f"{path}, {mark['id']}",
                names=(mark["id"],),
                repeat=next((number for _, number in named_by(mark["id"])), 0),
                response=said,
                model=model,
            )
