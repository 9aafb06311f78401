"""What goes into one HTML file: visible text, hidden names, the policy, and the responses as data.

Data is gzip in base 64, so no character of it can end a script element. The browser gets a small
index, and texts packed in chunks; spans are turned from characters, as Python counts, into UTF-16
units, as JavaScript does.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from markupsafe import Markup, escape

from starprobe.bench.frames import Exchange
from starprobe.bench.records import MULTI, OUTCOMES, STYLES, Response, Verdict
from starprobe.probes.schema import Prompt
from starprobe.reports.evidence import Texts

if TYPE_CHECKING:
    import pandas as pd


HIDDEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Controls, zero-width characters, direction overrides, tags, lone surrogates."""


def visible(text: str) -> str:
    """The text with each hidden character as its code, `⟨U+202E⟩`."""
    return HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


@dataclass
class Secrets:
    """Collects what is hidden while a page is rendered; the page carries the list, packed."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    """(alias shown, real text)."""
    active: bool = False

    def hide(self, text: str, alias: str = "hidden") -> Markup:
        """The text escaped, or where names are hidden the alias, with the place of the text."""
        if not self.active:
            return escape(text)
        pair = (alias, text)
        if pair not in self.pairs:
            self.pairs.append(pair)
        return Markup('<span data-secret="{}">{}</span>').format(self.pairs.index(pair), alias)


def aliases(models: Sequence[str]) -> dict[str, str]:
    """Model -> `Model A`, `Model B`, ...; in an order that does not follow the names given."""
    shuffled = sorted(models, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return {name: f"Model {_letters(place)}" for place, name in enumerate(shuffled)}


def _letters(place: int) -> str:
    name = ""
    place += 1
    while place:
        place, digit = divmod(place - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def pack(value: Any) -> str:
    """A JSON value as gzip in base 64."""
    return pack_bytes(to_json(value).encode())


def pack_bytes(data: bytes) -> str:
    """Bytes as gzip in base 64."""
    # Level 9 takes twice as long and saves half a percent; mtime=0: same data, same file.
    return b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode()


def to_json(value: Any) -> str:
    """Compact JSON; escaped to ASCII where a lone surrogate has no UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


def policy(scripts: Iterable[str]) -> str:
    """A Content-Security-Policy under which only these scripts run and nothing is ever fetched.

    Inline styles stay allowed: plotly sets them, and with every source of images, fonts and style
    sheets closed they can reach nothing.
    """
    digests = (hashlib.sha256(code.encode()).digest() for code in scripts)
    hashes = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def utf16_offsets(text: str, offsets: Iterable[int]) -> list[int]:
    """Offsets in characters, as Python counts, as offsets in UTF-16 units, as JavaScript counts."""
    wanted = list(offsets)
    if not wanted or text.isascii() or max(text) <= "\uffff":
        return wanted
    wide = np.array([ord(character) > 0xFFFF for character in text], dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(wide)])
    return [offset + int(before[min(offset, len(text))]) for offset in wanted]


CHUNK = 256
"""Responses packed together: one click unpacks one chunk."""
TREATMENTS = {"none": 0, "named": 1, "reasoned": 2}
SIDES = {None: 0, "for": 1, "against": 2, "neutral": 3}


CHANGES = ((True, False), (False, True), (True, True), (False, False))
"""Whether the answer was right before and after: lost, gained, right and wrong both times."""
Pairs = tuple[list[int], list[int]]
"""The column `row` before and after, pair by pair."""


class Packed(NamedTuple):
    """What goes into the page."""

    contents: str
    """Everything that filters and lists need."""
    chunks: list[str]


def packed(models: Sequence[str], texts: Texts, pairs: Pairs | None = None) -> Packed:
    """Index and texts of responses, in their order.

    Args:
        models: as shown, in their order.
        texts: the responses.
        pairs: of a comparison, for filters by what each response was before and after.
    """
    frame, exchanges = texts
    ids = frame["question_id"].tolist()
    questions = _questions(ids, exchanges)
    index = {"chunk": CHUNK, "styles": list(STYLES), "outcomes": list(OUTCOMES)}
    rows = _index_columns(models, frame, {name: place for place, name in enumerate(questions)})
    rows |= _before_and_after(rows, _shown_pairs(frame, pairs))
    options = {name: _option_order(prompts) for name, prompts in questions.items()}
    index |= {
        "models": list(models),
        "conditions": [str(name) for name in frame["condition"].drop_duplicates()],
        "questions": [
            _question(name, prompts, options[name]) for name, prompts in questions.items()
        ],
        "sets": [str(name) for name in frame["probes"].drop_duplicates()],
        "rows": rows,
    }
    chunks = [
        pack(_chunk(ids[part], exchanges[part], options))
        for start in range(0, len(exchanges), CHUNK)
        for part in (slice(start, start + CHUNK),)
    ]
    return Packed(pack(index), chunks)


def _questions(ids: Sequence[str], exchanges: Sequence[Exchange]) -> dict[str, list[Prompt]]:
    """Question id as in the frame -> its prompts, the one in file order first."""
    found: dict[str, dict[str, Prompt]] = {}
    for name, (prompt, _, _) in zip(ids, exchanges, strict=True):
        found.setdefault(name, {}).setdefault(prompt.id, prompt)
    return {
        name: sorted(prompts.values(), key=lambda prompt: (prompt.order, prompt.id))
        for name, prompts in found.items()
    }


def _option_order(prompts: Sequence[Prompt]) -> dict[str, int]:
    """Option id -> place, which gives its colour: the same in every order and for every model."""
    ids = [shown.option_id for prompt in prompts for shown in prompt.shown]
    return {name: place for place, name in enumerate(dict.fromkeys(ids))}


def _question(name: str, prompts: Sequence[Prompt], places: dict[str, int]) -> list[Any]:
    """[id, stem, option texts, place of the right option or -1]."""
    texts = {shown.option_id: shown.text for prompt in prompts for shown in prompt.shown}
    key = prompts[0].answer_id
    stem = prompts[0].stem
    return [name, stem, [texts[option] for option in places], places.get(key or "", -1)]


def _index_columns(
    shown: Sequence[str], frame: pd.DataFrame, questions: dict[str, int]
) -> dict[str, list[int]]:
    models = {name: place for place, name in enumerate(shown)}
    conditions = {name: place for place, name in enumerate(frame["condition"].drop_duplicates())}
    sets = {name: place for place, name in enumerate(frame["probes"].drop_duplicates())}
    styles = {name: place for place, name in enumerate(STYLES)}
    outcomes = {name: place for place, name in enumerate(OUTCOMES)}
    return {
        "model": [models[name] for name in frame["model"]],
        "condition": [conditions[name] for name in frame["condition"]],
        "question": [questions[name] for name in frame["question_id"]],
        "set": [sets[name] for name in frame["probes"]],
        "order": frame["order"].tolist(),
        "repeat": frame["repeat"].tolist(),
        "style": [styles[name] for name in frame["style"]],
        "outcome": [outcomes[name] for name in frame["outcome"]],
        "correct": frame["correct"].astype("Int64").fillna(2).astype(int).tolist(),
        "coverage": _percent(frame["coverage"]),
        "disagree": _percent(frame["disagree"]),
        "p": _percent(frame["p_option_by_option"]),
    }


def _percent(values: pd.Series[float]) -> list[int]:
    """Shares as whole percents, -1 where there is none."""
    return [int(value) for value in (values * 100).round().fillna(-1)]


def _shown_pairs(frame: pd.DataFrame, pairs: Pairs | None) -> Pairs | None:
    """Places among the responses shown, of the pairs that are shown whole."""
    if pairs is None:
        return None
    at = {row: place for place, row in enumerate(frame["row"])}
    both = [(at[one], at[two]) for one, two in zip(*pairs, strict=True) if {one, two} <= at.keys()]
    return [one for one, _ in both], [two for _, two in both]


def _before_and_after(rows: dict[str, list[int]], pairs: Pairs | None) -> dict[str, list[int]]:
    """For each response the style before and after of its pair, and a place in CHANGES; else -1."""
    count = len(rows["style"])
    found = {name: [-1] * count for name in ("before", "after", "change")}
    for one, two in zip(*pairs, strict=True) if pairs is not None else ():
        was, now = rows["correct"][one] == 1, rows["correct"][two] == 1
        scored = 2 not in (rows["correct"][one], rows["correct"][two]) or was or now
        for row in (one, two):
            found["before"][row], found["after"][row] = rows["style"][one], rows["style"][two]
            if scored:
                found["change"][row] = CHANGES.index((was, now))
    return found


def _chunk(
    ids: Sequence[str], exchanges: Sequence[Exchange], options: dict[str, dict[str, int]]
) -> dict[str, Any]:
    places: dict[str, int] = {}
    prompts: list[list[Any]] = []
    rows = []
    for name, (prompt, response, verdict) in zip(ids, exchanges, strict=True):
        if prompt.id not in places:
            places[prompt.id] = len(prompts)
            prompts.append(_prompt(prompt, options[name]))
        rows.append([places[prompt.id], *_row(response, verdict, options[name])])
    return {"prompts": prompts, "rows": rows}


def _prompt(prompt: Prompt, places: dict[str, int]) -> list[Any]:
    """[[label, place of the option]..., messages, text, hinted place or -1]."""
    return [
        [[shown.label, places[shown.option_id]] for shown in prompt.shown],
        [[message.role, message.content] for message in prompt.messages],
        prompt.text,
        places.get(prompt.hinted_id or "", -1),
    ]


def _row(response: Response, verdict: Verdict, places: dict[str, int]) -> list[Any]:
    """[id, text, reasoning, answer, treatments, finish reason, tokens, seconds]."""
    answer = -2 if verdict.answer == MULTI else places.get(verdict.answer or "", -1)
    usage = response.usage
    return [
        response.id,
        response.text,
        response.reasoning or None,
        answer,
        list(_treatments(response, verdict, places)),
        response.finish_reason,
        usage.completion_tokens if usage else None,
        None if response.latency_s is None else round(response.latency_s, 2),
    ]


def _treatments(
    response: Response, verdict: Verdict, places: dict[str, int]
) -> Iterator[list[int]]:
    """[place, treatment, side, start, end, start, end, ...] of each option that is mentioned."""
    text = response.readable
    for option, treatment in verdict.options.items():
        if treatment.treatment == "none" or option not in places:
            continue
        ends = [min(end, len(text)) for span in treatment.spans for end in span]
        code, side = TREATMENTS[treatment.treatment], SIDES[treatment.side]
        yield [places[option], code, side, *utf16_offsets(text, ends)]
