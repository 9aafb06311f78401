"""A set's name or a file of questions -> ProbeSet, and back; errors name the file, line and field.

Knows where questions come from and how they are written, and nothing of what they are about.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from starprobe.probes.conditions import ALPHABETS
from starprobe.probes.errors import InputError
from starprobe.probes.formats import SUFFIXES, read_content, rows_of
from starprobe.probes.generated import generated_set
from starprobe.probes.parsing import TASK, parse_question, parse_questions, task_questions
from starprobe.probes.plugins import declared, is_own, load
from starprobe.probes.schema import ProbeSet, Question
from starprobe.probes.sets import BUILT_IN, find_built_in

__all__ = [
    "join_sets",
    "load_probe_set",
    "parse_question",
    "question_row",
    "read_any",
    "read_questions",
    "write_questions",
]


def load_probe_set(name_or_path: str | Path | ProbeSet) -> ProbeSet:
    """The built-in set of this name, a task of the lm-evaluation-harness, or a file's questions.

    Names: `everyday` and the like; generated ones take parameters, see `probes.generated`;
    `everyday@HASH` is refused where the set is no longer the one of this hash;
    `lm-eval:TASK` or `lm-eval:FILE.yaml`. Files: JSONL, JSON, CSV, Parquet, Excel, a saved data
    set; their rows ours or those of CommonsenseQA, ARC, MMLU, GSM8K and the like. MODULE:NAME or
    what a package declares in the entry point group `starprobe.probes`: a `ProbeSet`, or a function
    that makes one. A `ProbeSet` is itself.

    Raises:
        InputError: for an unknown name, or a file that cannot be read as questions.
        MissingError: the library that reads such a file is not installed.
    """
    if isinstance(name_or_path, ProbeSet):
        return name_or_path
    name = str(name_or_path)
    bare, at, wanted = name.partition("@")
    if at and find_built_in(bare) is not None:
        return _pinned(load_probe_set(bare), wanted)
    entry = find_built_in(name)
    if entry is not None and not entry.file:
        return generated_set(name)
    if entry is None and (name in declared("probes") or is_own(name)):
        return _plugged_in(name)
    questions = tuple(read_any(name))
    if entry is not None:
        return ProbeSet(name=entry.name, version=entry.version, questions=questions)
    repeated = [one for one, count in Counter(q.id for q in questions).items() if count > 1]
    if repeated:
        raise InputError(f"{name}: the id {repeated[0]!r} stands on more than one line")
    stem = name if name.startswith(TASK) else Path(name.removesuffix(".gz")).stem
    return ProbeSet(name=stem, questions=questions)


def _pinned(found: ProbeSet, wanted: str) -> ProbeSet:
    """The set, where it is the one of this hash."""
    if len(wanted) < 6 or not found.hash.startswith(wanted):
        raise InputError(f"{found.name}@{wanted}: the set that comes with this version is "
                         f"{found.name}@{found.hash}, other questions")  # fmt: skip
    return found


def _plugged_in(name: str) -> ProbeSet:
    """A set that another package or a module brings: itself, or what makes it when called."""
    found = load("probes", name)
    found = found() if callable(found) else found
    if not isinstance(found, ProbeSet):
        raise InputError(f"probes {name!r}: is a {type(found).__name__}, no ProbeSet")
    return found


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
    """The questions of a set, a task or a file, as they stand: ids may repeat.

    Raises:
        InputError: for an unknown name, or a file that cannot be read as questions.
    """
    name = str(name_or_path)
    entry = find_built_in(name)
    if entry is not None:
        return read_questions(entry.path()) if entry.file else list(generated_set(name).questions)
    if name.startswith(TASK):
        return task_questions(name)
    if name != "-" and not Path(name).exists():
        raise InputError(_unknown(name))
    questions = read_questions(name)
    if not questions:
        raise InputError(f"{name}: holds no questions")
    return questions


def _unknown(name: str) -> str:
    if name.lower().endswith(SUFFIXES) or "/" in name:
        return f"{name}: no such file"
    near = difflib.get_close_matches(name.partition(":")[0], BUILT_IN, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"built in are {', '.join(BUILT_IN)}"
    return f"unknown probe set {name!r}: no built-in set and no file of that name; {advice}"


def read_questions(path: str | Path) -> list[Question]:
    """The questions of a file; ids may repeat (`probes.checks` finds them).

    Raises:
        InputError: naming file, line and field.
    """
    return parse_questions(rows_of(read_content(Path(path))))


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
