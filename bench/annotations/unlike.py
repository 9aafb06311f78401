"""What can be said of a reader on a run without labels: how unsure it is, how unlike the texts are.

`training_texts.json` holds what the annotated texts that readers are fitted on are like; it is made
by `python benchmarks/annotate.py texts RESPONSES`. A response outside of it is no error of the
reader: it is one that nothing is known about.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from starprobe.bench.frames import finder
from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.readers.base import Reading
from starprobe.bench.run_folder import Run
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    import pandas as pd

FILE = "training_texts.json"
GREY = (0.1, 0.9)
"""Probabilities of "reasons about every option" between which a reader is unsure."""
TAIL = 0.005
"""Share of the training texts left out at each end of what counts as like them."""
RARE = 0.01
"""A format that fewer of the training texts have is unlike them."""
FEW_WORDS = 12
"""Texts of fewer words have no language to speak of."""
_FREQUENT = """
the of and to a in is it that for on as with are be this was by not or an from at have which can
would will so if because but they there has answer option correct
"""
_ENGLISH = frozenset(_FREQUENT.split())
_WORD = re.compile(r"[^\W\d_]+")
_FORMATS = {
    "json": re.compile(r"\A\s*(?:```(?:json)?\s*)?[{\[]\s*[\"{]"),
    "code": re.compile(r"^```", re.M),
    "table": re.compile(r"^\s*\|.*\|\s*\n\s*\|[\s:|-]+\|\s*$", re.M),
    "tags": re.compile(r"</?[a-zA-Z_]\w*>"),
    "formulas": re.compile(r"\\(?:frac|sqrt|times|text|boxed|cdot|left|begin)\b|\$[^$\n]+\$"),
    "headings": re.compile(r"^#{1,6} \S", re.M),
}
MOST = 500
"""Responses of a model and condition that are looked at; of more, evenly spread ones."""
MARKS = ("length", "language", "options", "format")
MOSTLY = 0.9
"""A response of which no option claims more of the text than this speaks of something else."""


class TrainingTexts(Record):
    """What the texts are like that the readers are fitted on."""

    responses: int
    data_hash: str
    length: tuple[int, int]
    """Characters: least and most, `TAIL` left out at each end."""
    options: tuple[int, int]
    english: float
    """Least share of words that are frequent in English."""
    ascii: float
    """Least share of letters that are ASCII."""
    formats: dict[str, float]
    """Format -> share of the texts that have it."""
    unclaimed: float
    """Share of the texts of which no option claims more than `MOSTLY`."""


class Unlabelled(Record):
    """One model and condition, without any label."""

    model: str
    condition: str
    responses: int
    """That were looked at."""
    grey: float | None
    """Share whose probability lies in `GREY`; None where the reader gives none."""
    unlike: float
    """Share that is unlike the training texts in any way."""
    marks: dict[str, float]
    """Way -> share: length, language, options, format."""
    unclaimed: float
    """Share of which no option claims more than `MOSTLY` of the text: no single one is unlike the
    training texts by that, but many are."""
    unclaimed_trained: float
    """That share of the training texts."""


class Text(NamedTuple):
    """What is measured of a response."""

    length: int
    options: int
    words: int
    english: float
    ascii: float
    formats: tuple[str, ...]


def features(text: str, options: int) -> Text:
    """Length, language and format of a response."""
    words = _WORD.findall(text.lower())
    letters = sum(map(len, words))
    plain = sum(len(word) for word in words if word.isascii())
    return Text(
        len(text),
        options,
        len(words),
        sum(word in _ENGLISH for word in words) / max(1, len(words)),
        plain / max(1, letters),
        tuple(name for name, pattern in _FORMATS.items() if pattern.search(text)),
    )


def is_unclaimed(reading: Reading) -> bool:
    """Whether hardly any of the text speaks of an option: of its sentences, by their length."""
    from starprobe.bench.readers.text import attribute

    found = attribute(reading.stem, reading.shown, reading.text)
    said, claimed = (np.zeros(len(reading.text) + 1, dtype=bool) for _ in range(2))
    for start, end in found.segments:
        said[start:end] = True
    for option in found.options:
        for start, end in (*option.evidence, *option.mentions):
            claimed[start:end] = True
    return float((said & ~claimed).sum()) > MOSTLY * float(said.sum())


def training_texts(readings: Sequence[Reading], data_hash: str) -> TrainingTexts:
    """What the training texts are like."""
    found = [features(one.text, len(one.shown)) for one in readings]
    lengths = [one.length for one in found]
    long = [one for one in found if one.words >= FEW_WORDS]
    low, high = np.quantile(lengths, [TAIL, 1 - TAIL])
    counts = Counter(name for one in found for name in one.formats)
    return TrainingTexts(
        responses=len(found),
        data_hash=data_hash,
        length=(int(low), int(high)),
        options=(min(one.options for one in found), max(one.options for one in found)),
        english=float(np.quantile([one.english for one in long], TAIL)),
        ascii=float(np.quantile([one.ascii for one in long], TAIL)),
        formats={name: round(counts[name] / len(found), 4) for name in _FORMATS},
        unclaimed=round(sum(map(is_unclaimed, readings)) / len(found), 4),
    )


@lru_cache(maxsize=1)
def shipped() -> TrainingTexts:
    """The limits of the texts that the shipped readers are fitted on."""
    stored = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return TrainingTexts.model_validate(json.loads(stored))


def marks(text: str, options: int, known: TrainingTexts) -> list[str]:
    """In which ways a response is unlike the training texts."""
    one = features(text, options)
    found = []
    if not known.length[0] <= one.length <= known.length[1]:
        found.append("length")
    if one.words >= FEW_WORDS and (one.english < known.english or one.ascii < known.ascii):
        found.append("language")
    if not known.options[0] <= options <= known.options[1]:
        found.append("options")
    if any(known.formats.get(name, 0) < RARE for name in one.formats):
        found.append("format")
    return found


def unlabelled(run: Run, reader: str, frame: pd.DataFrame) -> Iterator[Unlabelled]:
    """A row for each model and condition of a reader's frame of a run."""
    known, find = shipped(), finder(run, reader)
    for (model, condition), table in frame.groupby(["model", "condition"], sort=False):
        p = numbers(table, "p_option_by_option")
        p = p[~np.isnan(p)]
        table = table.iloc[:: -(-len(table) // MOST)]
        texts = [
            Reading("", response.readable, prompt.stem, prompt.shown)
            for prompt, response, _ in map(find, table["response_id"])
        ]
        found = [marks(one.text, len(one.shown), known) for one in texts]
        yield Unlabelled(
            model=str(model),
            condition=str(condition),
            responses=len(found),
            grey=float(np.mean((p > GREY[0]) & (p < GREY[1]))) if len(p) else None,
            unlike=sum(map(bool, found)) / len(found),
            marks={name: sum(name in one for one in found) / len(found) for name in MARKS},
            unclaimed=sum(map(is_unclaimed, texts)) / len(found),
            unclaimed_trained=known.unclaimed,
        )
