"""A folder of text files named by model, one response each, as one pastes them out of chats.

FOLDER/question.txt holds the question with its options; FOLDER/MODEL.txt a model's response to it,
FOLDER/MODEL.2.txt its second one. Or one such folder a question, side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from starprobe.bench.importers.options_text import options_in_text
from starprobe.bench.importers.sample import Sample
from starprobe.probes.errors import InputError

QUESTION = ("question.txt", "question.md", "prompt.txt", "prompt.md")
_REPEAT = re.compile(r"^(?P<model>.+)[.#](?P<number>\d+)$")
_ANSWER = re.compile(r"^\s*answer\s*:\s*\(?(?P<label>[A-Za-z0-9])\)?\s*$", re.IGNORECASE | re.M)


def samples(folder: Path) -> Iterator[Sample]:
    """One sample a text file.

    Raises:
        InputError: no question, or no response.
    """
    folders = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    asked = [one for one in folders if _question_file(one) is not None]
    if not asked:
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        raise InputError(
            f"{folder}: found {names}; missing: a question.txt with the question and its options, "
            f"one a line: (A) ..."
        )
    for one in asked:
        yield from _samples(one)


def _samples(folder: Path) -> Iterator[Sample]:
    path = _question_file(folder)
    assert path is not None
    text = _read(path)
    key = _ANSWER.search(text)
    text = _ANSWER.sub("", text).strip()
    inside = options_in_text(text)
    stem, options = (inside.stem, inside.options) if inside else (text, ())
    answer = key["label"] if key else None
    labels = {option.label.lower(): option.label for option in options}
    responses = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix in {".txt", ".md"} and file.name not in QUESTION
    ]
    if not responses:
        raise InputError(f"{folder}: found {path.name}; missing: responses, one MODEL.txt each")
    for file in responses:
        repeated = _REPEAT.match(file.stem)
        yield Sample(
            question_id=folder.name,
            question=stem,
            options=options,
            response=_read(file).strip(),
            answer=labels.get((answer or "").lower()) if options else answer,
            model=repeated["model"] if repeated else file.stem,
            repeat=int(repeated["number"]) - 1 if repeated else None,
            prompt=text,
        )


def _question_file(folder: Path) -> Path | None:
    return next((folder / name for name in QUESTION if (folder / name).is_file()), None)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")
