"""Evidence -> named numbers: all that the learned reader sees of an option and of a response.

Every feature has a name that says what it is, lies roughly between 0 and 3, and knows neither the
words of the response nor the letter of the option: relabelling changes nothing.
"""

from __future__ import annotations

from math import log, log1p

from bench.classifiers.attribution import DECLARES, DRIFTS, GOES_ON, INSIDE, OPENS, SUBJECT
from bench.classifiers.examine import Examined
from bench.classifiers.lexicon import (
    ABSOLUTE,
    CAUSE,
    COMPARE,
    CONTRAST,
    HEDGE,
    NEGATION,
    NEGATIVE,
    POSITIVE,
)
from bench.classifiers.mentions import LABEL, LEAD, TEXT
from bench.classifiers.summaries import Crowd, Summary, peers_of

REASONED = (
    "novel_opens", "novel_subject", "novel_goes_on", "novel_inside", "novel_declares",
    "novel_drifts", "novel_best", "novel_all", "novel_alone", "few_new", "nothing_new",
    "cause", "contrast", "hedge", "negation", "positive", "negative", "absolute", "compare",
    "opens", "subject", "goes_on", "only_declared", "only_inside", "units",
    "lead", "label", "text", "only_fuzzy", "score",
    "shared", "own", "asked", "foreign", "numbers", "judged_only",
    "is_answer", "no_answer", "restated", "content_in_text",
    "peers_reasoned", "all_peers_reasoned", "below_peers",
    "pure", "pure_total", "asked_free", "asked_denied", "symbols", "said_of_peers", "headed_peers",
    "answer_content", "answer_derived", "listed_share", "bare_denial",
    "own_again", "denied_novel", "own_denied", "inside_list",
)  # fmt: skip
WHOLE = ("least", "second_least", "mean", "share", "unseen", "many_options", "short")
"""Of the whole response: the log-odds of its options being reasoned about, put together."""
GENERAL = (
    "loose", "loose_much", "equations", "loose_share", "before_answer", "reasoned_share",
    "any_reasoned", "all_reasoned", "long", "numbers", "named_only", "short", "loose_tokens",
    "unclaimed", "unclaimed_much",
)  # fmt: skip


def reasoned_features(
    summary: Summary, crowd: Crowd, examined: Examined, option: int
) -> list[float]:
    """The numbers in the order of REASONED."""
    answer = examined.answer.answer
    marks, how = summary.marks, summary.how
    peers = peers_of(crowd, summary)
    count = max(1, peers.options)
    mean = peers.novel / peers.present if peers.present else 0.0
    share = content_share(examined, option)
    novel = [log1p(min(value, 20)) for value in summary.novel]
    return [
        novel[OPENS], novel[SUBJECT], novel[GOES_ON], novel[INSIDE], novel[DECLARES], novel[DRIFTS],
        log1p(min(summary.best, 20)), log1p(min(summary.total, 40)), log1p(min(summary.alone, 20)),
        float(summary.best in (1, 2)), float(summary.best == 0),
        _has(marks, CAUSE), _has(marks, CONTRAST), _has(marks, HEDGE), _has(marks, NEGATION),
        _has(marks, POSITIVE), _has(marks, NEGATIVE), _has(marks, ABSOLUTE), _has(marks, COMPARE),
        _has(how, 1 << OPENS), _has(how, 1 << SUBJECT), _has(how, 1 << GOES_ON),
        float(how == 1 << DECLARES), float(how == 1 << INSIDE), log1p(min(summary.units, 10)),
        float(summary.kind == LEAD), float(summary.kind == LABEL), float(summary.kind == TEXT),
        float(summary.only_fuzzy), summary.score,
        log1p(summary.shared - 1), log1p(min(summary.own, 10)), log1p(min(summary.asked, 10)),
        summary.foreign / (summary.total + 1), float(summary.numbers > 0),
        float(summary.best <= 1 and summary.judge > 0),
        float(option == answer), float(answer is None), float(option in examined.restated),
        share, peers.busy / count, float(peers.options > 0 and peers.busy == peers.options),
        log1p(max(0.0, mean - summary.best)),
        log1p(summary.pure), log1p(min(summary.pure_total, 40)),
        log1p(min(summary.asked - summary.asked_denied, 10)), log1p(min(summary.asked_denied, 10)),
        log1p(min(summary.symbols, 10)),
        peers.said / count, peers.headed / count, float(option == answer) * share,
        float(option == answer) * log1p(min(examined.loose, 20)),
        len(examined.restated) / crowd.options,
        float(summary.asked_denied > 0 and summary.pure <= 1),
        log1p(max(0, summary.own - len(examined.options.weights[option]))),
        _has(marks, NEGATION) * log1p(min(summary.pure, 20)),
        log1p(min(summary.own_denied, 10)),
        float(how & ~(1 << DECLARES | 1 << DRIFTS) == 1 << INSIDE) * log1p(summary.shared - 1),
    ]  # fmt: skip


def content_share(examined: Examined, option: int) -> float:
    """Share of the option's telling words that occur anywhere in the response, 0 to 1."""
    total = examined.options.totals[option]
    if not total or option in examined.options.weak:
        return 0.0
    present = examined.vocabulary
    weights = examined.options.weights[option]
    return sum(weight for key, weight in weights.items() if key in present) / total


def general_features(examined: Examined, reasoned: dict[int, float]) -> list[float]:
    """The numbers in the order of GENERAL; `reasoned` is option -> probability."""
    count = max(1, len(examined.options.labels))
    words = len(examined.document.words)
    likely = sum(reasoned.values())
    unclaimed = sum(
        (1.0 - reasoned[option]) * min(10, max(count.novel for count in found.counts))
        for option, found in examined.evidence.items()
        if option in reasoned
    )
    return [
        log1p(min(examined.loose, 40)), float(examined.loose >= 6),
        float(min(examined.equations, 3)), examined.loose_tokens / max(1, words),
        log1p(min(examined.before_answer, 40)), likely / count, float(likely >= 0.5),
        float(likely >= count - 0.5), log1p(words) / 3.0, log1p(min(examined.loose_numbers, 10)),
        float(likely < 0.5 and bool(examined.evidence)), float(words < 12),
        log1p(min(examined.loose_tokens, 60)), log1p(unclaimed), float(unclaimed >= 3.0),
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


def _has(marks: int, flag: int) -> float:
    return 1.0 if marks & flag else 0.0
