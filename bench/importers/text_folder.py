"""A folder of text files, one response each, as one pastes them out of chats.

FOLDER/question.txt holds the question with its options, and a line `Answer: B` if the key is known;
FOLDER/MODEL.txt a model's response to it, FOLDER/MODEL.2.txt its second one. Or one such folder a
question, side by side. Or the other way round: a folder a model, MODEL/QUESTION.txt, with the
questions in `questions/QUESTION.txt`, beside the folders as QUESTION.txt, or by --questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from starprobe.bench.importers.sample import Sample
from starprobe.probes.choices import label_of, options_in_text
from starprobe.probes.errors import InputError

QUESTION = ("question.txt", "question.md", "prompt.txt", "prompt.md")
QUESTIONS = ("questions", "prompts", "question", "prompt", "_questions")
KINDS = {".txt", ".md"}
_REPEAT = re.compile(r"^(?P<name>.+)[.#](?P<number>\d+)$")
_ANSWER = re.compile(r"^\s*(?:answer|key)\s*:\s*\(?(?P<key>\S.*?)\)?\s*$", re.IGNORECASE | re.M)


def samples(folder: Path, ids: Sequence[str] = ()) -> Iterator[Sample]:
    """One sample a text file.

    Args:
        folder: the folder.
        ids: of questions that will be joined; files or folders may be named by them.

    Raises:
        InputError: no question, or no response.
    """
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and _texts(path)]
    asked = [one for one in (folder, *inner) if _question_file(one) is not None]
    if asked:
        strays = [path for path in inner if path not in asked and path.name not in QUESTIONS]
        if strays:
            raise InputError(f"{strays[0]}: has no question.txt, as {asked[-1]} has")
        for one in asked:
            yield from _by_question(one)
        return
    written = _questions(folder, inner)
    models = [path for path in inner if path.name.lower() not in QUESTIONS]
    known = {*written, *ids}
    if models and known:
        by_model = {_bare(file) for path in models for file in _texts(path)} & known
        by_question = {path.name for path in models} & known
        if bool(by_model) != bool(by_question):
            for path in models:
                for file in _texts(path):
                    yield _named(path, file, written, by_model=bool(by_model))
            return
    names = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
    raise InputError(
        f"{folder}: found {names}; missing: a question.txt with the question and its options, one "
        f"line: (A) ..., beside the responses MODEL.txt; or questions/QUESTION.txt beside "
        f"MODEL/QUESTION.txt; or --questions SET|FILE whose ids name the files"
    )


def _named(folder: Path, file: Path, written: dict[str, Path], by_model: bool) -> Sample:
    """The response in MODEL/QUESTION.txt, or in QUESTION/MODEL.txt."""
    repeated = _REPEAT.match(file.stem)
    stem = _bare(file)
    question, model = (stem, folder.name) if by_model else (folder.name, stem)
    base = _asked(written[question]) if question in written else Sample(where=str(file))
    return base.model_copy(
        update={
            "where": str(file),
            "names": (question,),
            "response": _read(file).strip(),
            "model": model,
            "repeat": int(repeated["number"]) - 1 if repeated else 0,
        }
    )


def _bare(file: Path) -> str:
    repeated = _REPEAT.match(file.stem)
    return repeated["name"] if repeated else file.stem


def _questions(folder: Path, inner: Sequence[Path]) -> dict[str, Path]:
    """Name -> file of the questions, in a folder of their own or beside the folders."""
    own = next((path for path in inner if path.name.lower() in QUESTIONS), None)
    return {file.stem: file for file in _texts(own or folder)}


def _by_question(folder: Path) -> Iterator[Sample]:
    path = _question_file(folder)
    assert path is not None
    base = _asked(path)
    responses = [file for file in _texts(folder) if file.name not in QUESTION]
    if not responses:
        raise InputError(f"{folder}: found {path.name}; missing: responses, one MODEL.txt each")
    for file in responses:
        repeated = _REPEAT.match(file.stem)
        yield base.model_copy(
            update={
                "where": str(file),
                "names": (folder.name,),
                "response": _read(file).strip(),
                "model": _bare(file),
                "repeat": int(repeated["number"]) - 1 if repeated else 0,
            }
        )


def _asked(path: Path) -> Sample:
    """The question in a file, without a response."""
    text = _read(path)
    key = _ANSWER.search(text)
    text = _ANSWER.sub("", text).strip()
    inside = options_in_text(text)
    stem, options = (inside.stem, inside.options) if inside else (text, ())
    answer = label_of(key["key"], options) if key else None
    if key and answer is None:
        raise InputError(f"{path}: 'Answer: {key['key']}' is none of its options")
    return Sample(where=str(path), question=stem, options=options, answer=answer, prompt=text)


def _question_file(folder: Path) -> Path | None:
    return next((folder / name for name in QUESTION if (folder / name).is_file()), None)


def _texts(folder: Path) -> list[Path]:
    return [
        file for file in sorted(folder.iterdir()) if file.suffix.lower() in KINDS and file.is_file()
    ]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")
