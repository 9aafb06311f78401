"""Evidence -> named numbers: all that the learned reader sees of an option and of a response.

Every feature has a name that says what it is, lies roughly between 0 and 3, and knows neither the
words of the response nor the letter of the option: relabelling changes nothing.
"""

from __future__ import annotations

from math import log, log1p

from starprobe.bench.readers.examine import Examined
from starprobe.bench.readers.lexicon import CAUSE, CONTRAST, NEGATION
from starprobe.bench.readers.mentions import TEXT
from starprobe.bench.readers.summaries import Crowd, Summary, peers_of
from starprobe.bench.readers.units import DECLARES, DRIFTS, INSIDE, SUBJECT

REASONED = (
    "novel_subject", "novel_inside", "novel_best", "novel_all", "novel_alone", "nothing_new",
    "pure", "pure_total", "denied_novel", "asked_denied", "bare_denial",
    "cause", "contrast",
    "text", "only_fuzzy", "score", "shared", "only_inside", "inside_list",
    "no_answer", "restated", "listed_share",
    "peers_reasoned", "all_peers_reasoned", "below_peers", "said_of_peers",
)  # fmt: skip
"""Twice as many were tried: without the others, sources left out are read better."""
WHOLE = ("least", "second_least", "mean", "share", "unseen", "many_options", "short")
"""Of the whole response: the log-odds of its options being reasoned about, put together."""
GENERAL = (
    "loose", "loose_share", "loose_tokens", "numbers", "unclaimed",
    "all_reasoned", "named_only", "short",
)  # fmt: skip


def reasoned_features(
    summary: Summary, crowd: Crowd, examined: Examined, option: int
) -> list[float]:
    """The numbers in the order of REASONED."""
    marks, how, novel = summary.marks, summary.how, summary.novel
    peers = peers_of(crowd, summary)
    count = max(1, peers.options)
    mean = peers.novel / peers.present if peers.present else 0.0
    pure = _log(summary.pure)
    inside = how & ~_ASIDE == 1 << INSIDE
    return [
        _log(novel[SUBJECT]), _log(novel[INSIDE]), _log(summary.best), _log(summary.total),
        _log(summary.alone), float(summary.best == 0),
        pure, _log(summary.pure_total), pure if marks & NEGATION else 0.0,
        _log(summary.asked_denied), float(summary.asked_denied > 0 and summary.pure <= 1),
        float(marks & CAUSE > 0), float(marks & CONTRAST > 0),
        float(summary.kind == TEXT), float(summary.only_fuzzy), summary.score,
        _log(summary.shared - 1), float(how == 1 << INSIDE),
        _log(summary.shared - 1) if inside else 0.0,
        float(examined.answer.answer is None), float(option in examined.restated),
        len(examined.restated) / crowd.options,
        peers.busy / count, float(peers.options > 0 and peers.busy == peers.options),
        log1p(mean - summary.best) if mean > summary.best else 0.0, peers.said / count,
    ]  # fmt: skip


_ASIDE = 1 << DECLARES | 1 << DRIFTS
_LOGS = tuple(log1p(number) for number in range(41))


def _log(number: int) -> float:
    """Its logarithm, of one more; beyond forty it grows no further."""
    return _LOGS[number if number < 40 else 40]


def general_features(examined: Examined, reasoned: dict[int, float]) -> list[float]:
    """The numbers in the order of GENERAL; `reasoned` is option -> probability."""
    count = max(1, len(examined.options.labels))
    words = len(examined.document.words)
    likely = sum(reasoned.values())
    unclaimed = sum(
        (1.0 - reasoned[option]) * min(10, max([count.novel for count in found.counts]))
        for option, found in examined.evidence.items()
    )
    return [
        _log(examined.loose), examined.loose_tokens / max(1, words), _log(examined.loose_tokens),
        _log(min(examined.loose_numbers, 10)), log1p(unclaimed),
        float(likely >= count - 0.5), float(likely < 0.5 and bool(examined.evidence)),
        float(words < 12),
    ]  # fmt: skip


def whole_features(examined: Examined, reasoned: dict[int, float], unseen: float) -> list[float]:
    """The numbers in the order of WHOLE; `unseen` stands for options not referred to."""
    count = len(examined.options.labels)
    odds = sorted(_logit(reasoned.get(option, unseen)) for option in range(count))
    return [
        odds[0], odds[1] if count > 1 else odds[0], sum(odds) / count,
        sum(value >= 0.0 for value in odds) / count, 1.0 - len(reasoned) / count,
        float(count > 5), float(len(examined.document.words) < 10 * count),
    ]  # fmt: skip


def _logit(probability: float) -> float:
    bounded = min(max(probability, 0.001), 0.999)
    return log(bounded / (1.0 - bounded))
