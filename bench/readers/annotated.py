"""Annotated responses: JSONL of labels and of responses, joined, as readings with their gold codes.

Knows the annotation format (codes 0, n, r+, r-, r~) and nothing of any reader.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.readers.base import Reading, style_of
from starprobe.bench.records import Outcome, Side, Style, Treatment, TreatmentCode, Verdict
from starprobe.probes.errors import InputError
from starprobe.probes.schema import ShownOption

CODES: tuple[str, ...] = ("0", "n", "r+", "r-", "r~")
_TREATMENTS: dict[str, tuple[TreatmentCode, Side | None]] = {
    "0": ("none", None),
    "n": ("named", None),
    "r+": ("reasoned", "for"),
    "r-": ("reasoned", "against"),
    "r~": ("reasoned", "neutral"),
}


class Gold(NamedTuple):
    """What an annotator says of one response."""

    codes: dict[str, str]
    """Label -> code."""
    general: bool
    answer: str | None
    outcome: Outcome
    style: Style


class Annotated(NamedTuple):
    """One response with its annotation."""

    reading: Reading
    gold: Gold
    passes: tuple[Gold, ...]
    """The single passes, where it was annotated more than once."""
    source: str
    family: str
    model: str


def half_of(stem: str) -> str:
    """`learn` or `held_out`: by the last bit of the SHA-256 of the question's text.

    Weights and rules are made on rows of the first half only, whatever file they are in.
    """
    odd = hashlib.sha256(stem.encode("utf-8", "surrogatepass")).digest()[-1] & 1
    return "held_out" if odd else "learn"


def labelled_set(half: str | None = None) -> list[Annotated]:
    """The annotated responses that come with the project; of one half, or of both."""
    with as_file(files("starprobe.bench.readers").joinpath("data")) as folder:
        rows = load_annotated(folder / "labels.jsonl", folder / "responses.jsonl")
    return [row for row in rows if half is None or half_of(row.reading.stem) == half]


def load_annotated(labels: Path, responses: Path) -> list[Annotated]:
    """The rows that both files have, in the order of the responses.

    Raises:
        InputError: a file that is not there or not in the annotation format.
    """
    golds = {row["id"]: row for row in _rows(labels, ("id", "options", "answer", "general"))}
    found = []
    for row in _rows(responses, ("id", "question", "options", "response")):
        if row["id"] in golds:
            found.append(_annotated(row, golds[row["id"]], labels))
    if not found:
        raise InputError(f"{labels} and {responses} share no id")
    return found


def code_of(treatment: Treatment) -> str:
    """The annotation code of a treatment."""
    for code, pair in _TREATMENTS.items():
        if pair == (treatment.treatment, treatment.side):
            return code
    return "n" if treatment.treatment == "named" else "r~"


def treatment_of(code: str) -> Treatment:
    """The treatment of an annotation code, without spans; KeyError for another code."""
    treatment, side = _TREATMENTS[code]
    return Treatment(treatment=treatment, side=side)


def gold_of(verdict: Verdict) -> Gold:
    """A verdict in the annotator's terms."""
    codes = {label: code_of(treatment) for label, treatment in verdict.options.items()}
    return Gold(codes, verdict.general, verdict.answer, verdict.outcome, verdict.style)


def _annotated(row: Mapping[str, Any], label: Mapping[str, Any], path: Path) -> Annotated:
    def gold(values: Mapping[str, Any]) -> Gold:
        try:
            treatments = {k: _TREATMENTS[code][0] for k, code in values["options"].items()}
        except KeyError as error:
            raise InputError(f"{path}, id {row['id']}: unknown code {error}") from None
        style = style_of(treatments, values["answer"], values["general"])
        outcome = values.get("outcome", "answered" if values["answer"] else "no_answer")
        return Gold(dict(values["options"]), values["general"], values["answer"], outcome, style)

    shown = tuple(
        ShownOption(label=option["label"], option_id=option["label"], text=option["text"])
        for option in row["options"]
    )
    return Annotated(
        Reading(row["id"], row["response"], row["question"], shown),
        gold(label),
        tuple(gold(one) for one in label.get("passes", ())),
        row.get("source", ""),
        row.get("family", ""),
        row.get("model", ""),
    )


def _rows(path: Path, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not JSON: {error}") from None
        missing = [field for field in fields if field not in row]
        if missing:
            raise InputError(f"{path}, line {number}: field {missing[0]!r} is missing")
        rows.append(row)
    return rows
