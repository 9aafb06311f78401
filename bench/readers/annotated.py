"""Annotated responses: how far a reading agrees with them, and how a text is unlike them.

Rows are JSONL of labels and of responses, joined, with the annotator's codes. The figures, with
their intervals, are pure functions over arrays. A response that is unlike the annotated ones is no
error of a reader: it is one that nothing is known about. Knows nothing of any reader.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from starprobe.bench.readers.base import Reading, code_of, codes_of, style_of, treatment_of
from starprobe.bench.records import STYLES, Outcome, Style, Verdict
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record, ShownOption


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
    """The annotated responses that come with the project; of one half, or of both.

    To learn from there are more: those written for that alone, `written_*.jsonl`.
    """
    with as_file(files("starprobe.bench.readers").joinpath("data")) as folder:
        rows = load_annotated(folder / "labels.jsonl", folder / "responses.jsonl")
        written = (
            load_annotated(folder / "written_labels.jsonl", folder / "written_responses.jsonl")
            if half == "learn"
            else []
        )
    return [row for row in rows if half is None or half_of(row.reading.stem) == half] + written


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


def gold_of(verdict: Verdict) -> Gold:
    """A verdict in the annotator's terms."""
    codes = {label: code_of(treatment) for label, treatment in verdict.options.items()}
    return Gold(codes, verdict.general, verdict.answer, verdict.outcome, verdict.style)


def _annotated(row: Mapping[str, Any], label: Mapping[str, Any], path: Path) -> Annotated:
    def gold(values: Mapping[str, Any]) -> Gold:
        try:
            treatments = codes_of({k: treatment_of(c) for k, c in values["options"].items()})
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
        label.get("source", row.get("source", "")),
        row.get("family", ""),
        row.get("model", ""),
    )


def _rows(path: Path, fields: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for where, row in read_rows(path):
        for field in fields:
            if field not in row:
                raise InputError(f"{where}: field {field!r} is missing")
        yield row


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each row of a file in the annotation format stands, and its fields.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: is no object with fields")
        yield where, row


Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Interval(NamedTuple):
    """A figure with its interval; value None where there is nothing to measure."""

    value: float | None
    low: float | None
    high: float | None


class Table(NamedTuple):
    """One row a response: what is counted of truth and reading."""

    hit: Floats
    """Options that both call reasoned."""
    extra: Floats
    missed: Floats
    sided: Floats
    """Of the hits, those with the same side."""
    answer: Floats
    outcome: Floats
    general: Floats
    miss: Floats
    """Absolute difference of coverage."""
    truth: Ints
    """Index of the true style."""
    read: Ints
    obo: Floats
    """Probability that the response goes option by option; NaN where not given."""


def tabulate(
    truth: Sequence[Gold], read: Sequence[Gold], whole: Sequence[float | None] | None = None
) -> Table:
    """The counts of all rows; `whole` are probabilities of going option by option."""
    rows = [_counts(one, other) for one, other in zip(truth, read, strict=True)]
    columns = np.asarray(rows, dtype=np.float64).reshape(len(rows), 8)
    given = [np.nan if p is None else p for p in whole or [None] * len(rows)]
    styles = [
        np.asarray([STYLES.index(one.style) for one in golds], dtype=np.int64)
        for golds in (truth, read)
    ]
    return Table._make([*columns.T, *styles, np.asarray(given, dtype=np.float64)])


def _counts(truth: Gold, read: Gold) -> tuple[float, ...]:
    hit = extra = missed = sided = 0
    for label, code in truth.codes.items():
        other = read.codes.get(label, "0")
        both = code[0] == "r" and other[0] == "r"
        hit += both
        sided += both and code == other
        extra += other[0] == "r" and code[0] != "r"
        missed += code[0] == "r" and other[0] != "r"
    return (
        hit, extra, missed, sided,
        truth.answer == read.answer, truth.outcome == read.outcome, truth.general == read.general,
        abs(missed - extra) / max(1, len(truth.codes)),
    )  # fmt: skip


def take(table: Table, rows: Ints) -> Table:
    """The table of some rows, in that order, repeats allowed."""
    return Table._make(column[rows] for column in table)


def f1(table: Table) -> float | None:
    """F1 of "reasoned" over options."""
    hit = table.hit.sum()
    total = 2 * hit + table.extra.sum() + table.missed.sum()
    return float(2 * hit / total) if total else None


def side_accuracy(table: Table) -> float | None:
    """Share of the options that both call reasoned where the side is the same."""
    return float(table.sided.sum() / table.hit.sum()) if table.hit.sum() else None


def mean_of(name: str) -> Callable[[Table], float | None]:
    """The mean of one column."""

    def measure(table: Table) -> float | None:
        column = getattr(table, name)
        return float(column.mean()) if len(column) else None

    return measure


def style_kappa(table: Table) -> float | None:
    """Cohen's kappa of the five styles (Cohen 1960)."""
    return kappa(table.truth, table.read)


def kappa(one: Ints, other: Ints) -> float | None:
    """Cohen's kappa: agreement beyond what the two margins give by chance; None for none."""
    if not len(one):
        return None
    values = np.union1d(one, other)
    observed = float((one == other).mean())
    expected = float(sum((one == value).mean() * (other == value).mean() for value in values))
    return 1.0 if expected >= 1.0 else (observed - expected) / (1.0 - expected)


def style_ac1(table: Table) -> float | None:
    """Gwet's AC1 of the styles (Gwet 2008, formula 9): steadier than kappa with rare styles."""
    from starprobe.bench.statistics.labelled import gwet_ac1

    one = np.eye(len(STYLES))
    return gwet_ac1(one[table.truth] + one[table.read])


def full_breakdown_kappa(table: Table) -> float | None:
    """Cohen's kappa of "goes option by option" against the rest."""
    return kappa((table.truth == 0).astype(np.int64), (table.read == 0).astype(np.int64))


def brier(table: Table) -> float | None:
    """Mean squared error of the probability of going option by option."""
    given = ~np.isnan(table.obo)
    if not given.any():
        return None
    return float(((table.obo[given] - (table.truth[given] == 0)) ** 2).mean())


def ece(table: Table, bins: int = 10) -> float | None:
    """Expected calibration error over equal-width bins (Naeini et al. 2015)."""
    parts = reliability(table, bins)
    total = sum(part[2] for part in parts)
    if not total:
        return None
    return float(sum(abs(said - true) * count for said, true, count in parts) / total)


def reliability(table: Table, bins: int = 10) -> list[tuple[float, float, int]]:
    """For each bin that holds any: mean probability said, share true, responses."""
    given = ~np.isnan(table.obo)
    said, true = table.obo[given], (table.truth[given] == 0).astype(np.float64)
    places = np.minimum((said * bins).astype(np.int64), bins - 1)
    return [
        (float(said[places == b].mean()), float(true[places == b].mean()), int((places == b).sum()))
        for b in range(bins)
        if (places == b).any()
    ]


def clustered(
    table: Table,
    clusters: Sequence[str],
    measure: Callable[[Table], float | None],
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """A figure with its 95 % percentile interval from resampling whole clusters.

    With few clusters (sources) such an interval is rough; it says so by being wide.
    """
    value = measure(table)
    names = sorted(set(clusters))
    if value is None or len(names) < 2:
        return Interval(value, None, None)
    where = {name: np.flatnonzero(np.asarray(clusters) == name) for name in names}
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = random.integers(0, len(names), len(names))
        sample = measure(take(table, np.concatenate([where[names[i]] for i in drawn])))
        if sample is not None:
            found.append(sample)
    if not found:
        return Interval(value, None, None)
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(value, float(low), float(high))


FILE = "training_texts.json"
"""What the texts are like that the shipped readers are fitted on; it is made by
`python benchmarks/annotate.py texts RESPONSES`."""
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
