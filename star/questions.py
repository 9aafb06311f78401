"""Which questions are trained on, which are held out, and which may not be trained on at all."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from starprobe.probes.checks import overlap
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.formats import read_content, rows_of
from starprobe.probes.parsing import parse_questions
from starprobe.probes.schema import ProbeSet, Question
from starprobe.probes.sets import load_probe_set
from starprobe.star.config import StarConfig
from starprobe.star.folder import Splits
from starprobe.star.prompts import exemplars

VALIDATION_AT_MOST = 0.3
"""Of the questions, however many are asked for."""


def split(
    probe_set: ProbeSet,
    barred: Iterable[ProbeSet],
    config: StarConfig,
    test: ProbeSet | None = None,
) -> Splits:
    """The questions to train on, to validate with, and those left out with the reason.

    Args:
        probe_set: all there are.
        barred: sets of which no copy may be trained on.
        config: how many, and the seed.
        test: what is tested with, of which the hash is kept.

    Raises:
        InputError: a question without an answer, or too few that are left.
    """
    removed = contaminated(probe_set.questions, barred)
    removed |= worked_ones(probe_set.questions, config)
    left = [one for one in probe_set.questions if one.id not in removed]
    known = keyed(left)
    unanswered = [one.id for one in left if one.id not in known]
    if unanswered and (
        config.method != "star" or not (config.selection.judges or config.selection.reward)
    ):
        raise InputError(
            f"question {unanswered[0]!r} of {config.questions} has no answer to check rationales "
            f"against ({len(unanswered)} have none); judges decide instead with "
            f"--set judges=MODEL,MODEL or reward=MODEL, where the method is star"
        )
    random.Random(f"split|{config.seed}").shuffle(left)
    held = left[: min(config.evaluation.validation, int(len(left) * VALIDATION_AT_MOST))]
    copies = contaminated(left[len(held) :], [ProbeSet(name="validation", questions=tuple(held))])
    train = [one.id for one in left[len(held) :] if one.id not in copies][: config.limit]
    if not train:
        raise InputError(f"{config.questions} has no question left to train on")
    return Splits(
        hash=probe_set.hash,
        train=tuple(train),
        validation=tuple(one.id for one in held),
        removed=removed | copies,
        test_hash=test.hash if test else None,
    )


HUB = "hub:"


def load_questions(config: StarConfig) -> ProbeSet:
    """The questions of a configuration: a set, a file, a task, or a data set of the hub.

    A data set of the hub is `hub:USER/NAME@SPLIT`, or `hub:FILE@SPLIT` for what `datasets` builds
    from a file of this machine; its split is `train` where none is named.

    Raises:
        InputError: they cannot be read as questions.
        MissingError: the package `datasets` is not installed.
    """
    name, columns = config.questions, _columns(config)
    if not name.startswith(HUB) and not columns:
        return load_probe_set(name)
    rows = _hub_rows(name.removeprefix(HUB)) if name.startswith(HUB) else _file_rows(name)
    first = rows[0][1] if rows else {}
    missing = [theirs for theirs in columns.values() if rows and theirs not in first]
    if missing:
        raise InputError(
            f"columns: {name} has no column {missing[0]!r}; it has {', '.join(map(str, first))}"
        )
    taken = set(columns.values())
    renamed = [
        (
            where,
            {key: value for key, value in row.items() if key not in taken and key not in columns}
            | {ours: row[theirs] for ours, theirs in columns.items()},
        )
        for where, row in rows
    ]
    return ProbeSet(name=name, questions=tuple(parse_questions(renamed)))


def _columns(config: StarConfig) -> dict[str, str]:
    pairs = [one.partition("=") for one in config.columns]
    wrong = next((one for one in pairs if not one[1] or not one[0] or not one[2]), None)
    if wrong:
        raise InputError(f"columns: write OURS=THEIRS, not {''.join(wrong)!r}")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _file_rows(name: str) -> list[tuple[str, dict[str, Any]]]:
    if not Path(name).exists():
        raise InputError(f"columns: {name} is no file; they name the columns of one")
    return rows_of(read_content(Path(name)))


def _hub_rows(name: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        from datasets import load_dataset
    except ModuleNotFoundError:
        raise MissingError("hub: needs the package 'datasets': pip install datasets") from None
    path, _, split = name.partition("@")
    try:
        if Path(path).is_file():
            kind = Path(path).suffix.removeprefix(".").replace("jsonl", "json")
            found = load_dataset(kind, data_files=path, split=split or "train")
        else:
            found = load_dataset(path, split=split or "train")
    except Exception as error:  # Whatever a builder raises; the first line says what it was.
        raise InputError(f"{HUB}{name}: {str(error).strip().splitlines()[0]}") from None
    return [
        (f"{HUB}{name}, row {number}", {"id": str(number)} | dict(row))
        for number, row in enumerate(found)
    ]


def splits_of(config: StarConfig) -> Splits:
    """Which questions of a configuration are trained on, held out, and left out.

    Raises:
        InputError: a set that is not there or does not hold what it should.
    """
    test = held_back(config)
    barred = [load_probe_set(name) for name in config.evaluation.decontaminate]
    barred += [test] if test else []
    return split(load_questions(config), barred, config, test)


def keyed(questions: Iterable[Question]) -> frozenset[str]:
    """The ids of those whose answer is known: an option, or a text where there are none."""
    return frozenset(
        one.id for one in questions if one.answer_id is not None or (one.answer_text or "").strip()
    )


def held_back(config: StarConfig) -> ProbeSet | None:
    """The test questions of a configuration; None where it names none.

    Raises:
        InputError: there are none of that name, or one has no answer.
    """
    if not config.evaluation.test:
        return None
    found = load_probe_set(config.evaluation.test)
    known = keyed(found.questions)
    unanswered = [one.id for one in found.questions if one.id not in known]
    if unanswered:
        raise InputError(
            f"test={config.evaluation.test}: question {unanswered[0]!r} has no answer to score "
            f"against; name a set whose questions all have one"
        )
    if config.evaluation.test_limit is None or config.evaluation.test_limit >= len(found.questions):
        return found
    places = range(len(found.questions))
    drawn = sorted(random.Random("test").sample(places, config.evaluation.test_limit))
    return found.model_copy(update={"questions": tuple(found.questions[at] for at in drawn)})


def contaminated(questions: Sequence[Question], barred: Iterable[ProbeSet]) -> dict[str, str]:
    """Question id -> which barred question it copies, exactly or nearly (`probes.similarity`)."""
    found: dict[str, str] = {}
    for other in barred:
        for match in overlap(questions, other):
            same = "the same" if match.kind == "exact" else "nearly the same"
            found.setdefault(match.a, f"{same} as {other.name}/{match.b}")
    return found


def worked_ones(questions: Sequence[Question], config: StarConfig) -> dict[str, str]:
    """Question id -> which worked example it is: the prompt holds its answer."""
    shown = [one.as_question() for one in exemplars(config.sampling.examples)]
    return {
        match.a: f"the worked example {match.b}"
        for match in overlap(questions, shown)
        if match.kind == "exact"
    }
