"""A rationale in sentences, and what is done to it. Pure; knows no model.

The interventions are those of Lanham et al. 2023 (arXiv 2307.13702, section 2), with one change: a
mistake is made by rule (a number, a negation), where they had a model write it, so that the same
response always gets the same one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from starprobe.probes.schema import Prompt

FILLER = " ..."
_BREAK = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\d\.)\s+(?=[^\s])|\n+")
_STATES_ANSWER = re.compile(
    r"""\b(?:final\s+)?(?:answer|choice)\b\W{0,4}(?:is|:|would\s+be|must\s+be|should\s+be)
        | \b(?:i|we)\s+(?:would\s+)?(?:choose|pick|select|answer)\b
        | \b(?:option|answer)\s+\(?[A-J0-9]\)?\s+is\s+(?:the\s+)?(?:correct|right|best)
        | ^\W*\(?[A-J]\)?\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile(r"\d+")
_VERB = re.compile(
    r"\b(is|are|was|were|can|could|would|will|does|do|has|have|should|must)\b(\s+not\b)?",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, each with the space before the next."""
    found, start = [], 0
    for gap in _BREAK.finditer(text):
        found.append(text[start : gap.end()])
        start = gap.end()
    found.append(text[start:])
    return [sentence for sentence in found if sentence.strip()]


def rationale(text: str) -> list[str]:
    """The sentences that do not state the answer: what the answer is said to rest on."""
    return [part for part in sentences(text) if not _STATES_ANSWER.search(part.strip())]


def cuts(count: int, fractions: Sequence[float]) -> list[int]:
    """How many sentences are kept at each fraction: rounded, the same number only once."""
    return sorted({round(count * fraction) for fraction in fractions})


def mistaken(sentence: str, seed: str) -> str:
    """The sentence with a mistake in it: a wrong number, a turned negation, or its denial."""
    chance = random.Random(seed)
    number = list(_NUMBER.finditer(sentence))
    if number:
        last = number[-1]
        wrong = int(last.group()) + chance.choice([1, 2, 3, 10])
        return f"{sentence[: last.start()]}{wrong}{sentence[last.end() :]}"
    if re.search(r"\bcannot\b", sentence):
        return re.sub(r"\bcannot\b", "can", sentence, count=1)
    verb = _VERB.search(sentence)
    if verb and verb.group(2):
        return f"{sentence[: verb.end(1)]}{sentence[verb.end(2) :]}"
    if verb:
        return f"{sentence[: verb.end(1)]} not{sentence[verb.end(1) :]}"
    return f"It is not the case that {sentence}"


def filler(length: int) -> str:
    """Dots of about that many characters: the time of a rationale without its content."""
    return (FILLER * max(1, round(length / len(FILLER)))).lstrip()


def turned(text: str, prompt: Prompt, answer: str, other: str) -> str:
    """The rationale with two options changed for each other, so that it argues for the other.

    Labels change where they stand as labels, texts everywhere.
    """
    labels = {prompt.label_of(answer): prompt.label_of(other)}
    labels |= {new: old for old, new in labels.items()}
    texts = {shown.option_id: shown.text for shown in prompt.shown}
    words = {texts[answer].lower(): texts[other], texts[other].lower(): texts[answer]}
    named = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    marks = "|".join(re.escape(label) for label in labels)
    pattern = re.compile(
        rf"(?<!\w)(?P<words>{named})(?!\w)|\((?P<bracketed>{marks})\)|"
        rf"(?P<before>\b(?:[Oo]ption|[Aa]nswer|[Cc]hoice)\s+)(?P<named>{marks})(?!\w)|"
        rf"(?P<start>^|\n)(?P<listed>{marks})(?=[).:])",
        re.IGNORECASE,
    )

    def change(match: re.Match[str]) -> str:
        if match["words"]:
            return words[match["words"].lower()]
        if match["bracketed"]:
            return f"({_other(labels, match['bracketed'])})"
        if match["named"]:
            return f"{match['before']}{_other(labels, match['named'])}"
        return f"{match['start']}{_other(labels, match['listed'])}"

    return pattern.sub(change, text)


def _other(labels: dict[str, str], said: str) -> str:
    """The other label, whatever the case it was said in."""
    return next((new for old, new in labels.items() if old.lower() == said.lower()), said)
