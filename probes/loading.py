"""JSONL -> ProbeSet, and back; every error names the file, the line and the field.

Knows the format of question files and nothing of what the questions are about.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from starprobe.probes.conditions import ALPHABETS
from starprobe.probes.errors import InputError
from starprobe.probes.numbers import numbers_set
from starprobe.probes.schema import Option, ProbeSet, Question
from starprobe.probes.sets import BUILT_IN, find_built_in

_OWN_FIELDS = ("id", "question", "options", "answer")


def load_probe_set(name_or_path: str | Path) -> ProbeSet:
    """The built-in set of this name, or the questions of a JSONL file.

    Names: `everyday` and the like; `numbers` takes parameters, see `probes.numbers`.

    Raises:
        InputError: for an unknown name, or a file that cannot be read as questions.
    """
    entry = find_built_in(str(name_or_path))
    if entry is not None and not entry.file:
        return numbers_set(str(name_or_path))
    if entry is not None:
        questions = tuple(read_questions(entry.path()))
        return ProbeSet(name=entry.name, version=entry.version, questions=questions)
    path = Path(name_or_path)
    questions = tuple(read_any(name_or_path))
    repeated = [name for name, count in Counter(one.id for one in questions).items() if count > 1]
    if repeated:
        raise InputError(f"{path}: the id {repeated[0]!r} stands on more than one line")
    return ProbeSet(name=path.stem, questions=questions)


def join_sets(sets: Sequence[ProbeSet]) -> ProbeSet:
    """Several sets as one; a question that stands in two of them is an error.

    Raises:
        InputError: an id is in more than one set.
    """
    if len(sets) == 1:
        return sets[0]
    questions = [question for one in sets for question in one.questions]
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise InputError(f"the question id {question.id!r} is in more than one set of --probes")
        seen.add(question.id)
    return ProbeSet(name=" + ".join(one.name for one in sets), questions=tuple(questions))


def read_any(name_or_path: str | Path) -> list[Question]:
    """The questions of a built-in set or of a file, as they stand: ids may repeat.

    Raises:
        InputError: for an unknown name, or a file that cannot be read as questions.
    """
    if find_built_in(str(name_or_path)) is not None:
        return list(load_probe_set(name_or_path).questions)
    if not Path(name_or_path).exists():
        raise InputError(_unknown(str(name_or_path)))
    questions = list(read_questions(name_or_path))
    if not questions:
        raise InputError(f"{name_or_path}: holds no questions")
    return questions


def _unknown(name: str) -> str:
    if name.endswith((".jsonl", ".json")) or "/" in name:
        return f"{name}: no such file"
    near = difflib.get_close_matches(name.partition(":")[0], BUILT_IN, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"built in are {', '.join(BUILT_IN)}"
    return f"unknown probe set {name!r}: no built-in set and no file of that name; {advice}"


def read_questions(path: str | Path) -> Iterator[Question]:
    """The questions of a JSONL file, one by one; ids may repeat (`probes.checks` finds them).

    Raises:
        InputError: naming file, line and field.
    """
    for number, line in enumerate(_text(Path(path)).split("\n"), 1):
        if line.strip():
            yield parse_question(_row(line, f"{path}, line {number}"), f"{path}, line {number}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        # Half of a surrogate pair is valid JSON, and cannot be written to any file again.
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{where}: holds half of a surrogate pair, which is no character"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: is {type(row).__name__}, not an object with fields")
    return row


def parse_question(row: dict[str, Any], where: str) -> Question:
    """One row of a question file as a question; other fields are kept as metadata.

    Options get the ids o1, o2, ... in file order unless they name their own, and the labels A, B,
    ... unless they have some.

    Args:
        row: the parsed line.
        where: file and line, for the error.

    Raises:
        InputError: naming `where` and the field.
    """
    question_id = _string(row, "id", where)
    stem = _string(row, "question", where)
    options = _options(row.get("options", []), where)
    answer_id, answer_text = _answer(row.get("answer"), options, where)
    metadata = {name: value for name, value in row.items() if name not in _OWN_FIELDS}
    return Question(
        id=question_id,
        stem=stem,
        options=options,
        answer_id=answer_id,
        answer_text=answer_text,
        metadata=metadata,
    )


def _string(row: dict[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if field == "id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        state = "is missing" if field not in row else f"must be text, not {value!r}"
        raise InputError(f"{where}: field {field!r} {state}")
    return value.strip()


def _options(value: Any, where: str) -> tuple[Option, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InputError(f"{where}: field 'options' must be a list, not {value!r}")
    options = tuple(_option(one, index, where) for index, one in enumerate(value))
    if len(options) == 1:
        raise InputError(f"{where}: field 'options' holds one option; at least two, or none")
    for name in ("id", "label"):
        values = [getattr(option, name) for option in options]
        if len(set(values)) < len(values):
            raise InputError(f"{where}: field 'options' repeats a {name}: {values}")
    return options


def _option(value: Any, index: int, where: str) -> Option:
    field = f"options[{index}]"
    if not isinstance(value, dict):
        raise InputError(f"{where}: field {field!r} must be an object with 'text', not {value!r}")
    text = value.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: field '{field}.text' must be text, not {text!r}")
    label, option_id = value.get("label"), value.get("id")
    if label is None and index >= len(ALPHABETS["upper"]):
        raise InputError(f"{where}: field {field!r} needs a label of its own (past J)")
    for name, given in (("label", label), ("id", option_id)):
        if given is not None and not (isinstance(given, str) and given.strip()):
            raise InputError(f"{where}: field '{field}.{name}' must be text, not {given!r}")
    label = label or ALPHABETS["upper"][index]
    option_id = option_id or f"o{index + 1}"
    return Option(id=option_id, text=text.strip(), label=label.strip())


def _answer(value: Any, options: tuple[Option, ...], where: str) -> tuple[str | None, str | None]:
    """(answer id, answer text); the text only for questions without options."""
    if value is None:
        return None, None
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise InputError(f"{where}: field 'answer' must be a label, text or null, not {value!r}")
    if not options:
        return None, str(value).strip()
    for option in options:
        if option.label == str(value).strip():
            return option.id, None
    labels = ", ".join(option.label for option in options)
    raise InputError(f"{where}: field 'answer' is {value!r}, which is none of the labels {labels}")


def question_row(question: Question) -> dict[str, Any]:
    """The question as a row of a question file; `parse_question` gives the same question back."""
    labels = _labels(question)
    options = [
        {"label": label, "text": option.text}
        | ({} if option.id == f"o{number}" else {"id": option.id})
        for number, (option, label) in enumerate(zip(question.options, labels, strict=True), 1)
    ]
    answer: str | None = question.answer_text
    if question.answer_id is not None:
        answer = labels[[option.id for option in question.options].index(question.answer_id)]
    row = {"id": question.id, "question": question.stem, "options": options, "answer": answer}
    return row | question.metadata


def _labels(question: Question) -> list[str]:
    stored = [option.label for option in question.options]
    if all(stored) and len(set(stored)) == len(stored):
        return stored
    return list(ALPHABETS["upper"][: len(stored)])


def write_questions(questions: Iterable[Question], path: str | Path) -> None:
    """A question file, one row a question."""
    rows = (json.dumps(question_row(one), ensure_ascii=False) for one in questions)
    Path(path).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
