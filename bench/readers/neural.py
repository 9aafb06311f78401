"""The neural reader: a small encoder that judges what a response says of each option.

`attribution` finds where a response speaks of an option; the encoder judges whether that is a
reason and which way it speaks. It is given one option at a time: the option, the question's end,
and the stretches that are about that option, and no others, each token marked by its role
(about this option, a mention of it, about another, about none). An option that nothing is about is
held against the sentences that no option claims, so that what the rules missed can still be seen.
One further sequence a response, of the sentences that no option claims, is judged for general
reasoning, for an answer that is none of the options, and for the outcome. Long evidence is read in
pieces, to its end.

The encoder is all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019,
arXiv 1908.10084), fine-tuned by `python -m starprobe.bench.readers.train`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, islice
from math import exp, log, log1p
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from starprobe.bench.readers.base import CODES, ErrorCounts, Reading, error_counts, verdict
from starprobe.bench.readers.rules import P_REASONED, is_general, said_of, side_of
from starprobe.bench.readers.text import Attributed, Examined, attributed, examine
from starprobe.bench.readers.text.attribution import Span, new_tokens
from starprobe.bench.records import (
    MULTI,
    OUTCOMES,
    Outcome,
    Side,
    Treatment,
    TreatmentCode,
    Verdict,
)

FRAME, CONTEXT, CLAIMED, ABOUT, MENTION, NEW = range(6)
"""Roles of a token: question and option; about no option; about another; about this; naming it;
about it and new, that is, no word of the option, of the question or of mere judgement."""
OWN, ASKED = 24, 24
"""Tokens of an option and of a question's end that are read."""
PIECE = 96
"""Tokens of a response in one sequence about an option."""
SEARCHED = 64
"""Tokens of unclaimed sentences that an option is held against which nothing is about."""
LOOSE = 160
"""Tokens of unclaimed sentences that general reasoning is judged by: from both ends."""
ENDING = 48
"""Tokens of the response's end that go with them, whatever they are about."""
MOST_PIECES = 12
"""More sequences about an option than these lose their middle."""
RULE = 0.2
"""What the log-odds by rule count beside those of the network: chosen on sources left out."""
NOTHING = -3.5
"""The log-odds by rule of an option that nothing is about."""
_PRIOR = [log(p / (1.0 - p)) for p in P_REASONED]
_NEW_WORDS = 12
"""Place of the number of new words among the features, in threes."""
GROUP, STEP = 6, 16
"""Sequences that are padded to one length, a multiple of STEP tokens."""
FEATURES = 21
"""Numbers about an option beside the text, see `_features`."""


_ALONE = re.compile("[\ud800-\udfff]")
"""Halves of a character, which no tokenizer takes."""


class Input(NamedTuple):
    """One input of the encoder."""

    ids: list[int]
    roles: list[int]
    option: int
    """Place of the option; -1 for the response as a whole."""


class Encoded(NamedTuple):
    """A response as the network takes it."""

    sequences: list[Input]
    features: list[list[float]]
    """FEATURES numbers an option."""

    @property
    def prior(self) -> list[float]:
        """The log-odds by rule of each option's being reasoned about, from its new words."""
        return [
            _PRIOR[min(round(row[_NEW_WORDS] * 3.0), 4)] if row[1] else NOTHING
            for row in self.features
        ]


class Heads(NamedTuple):
    """What the network says of a batch of responses (logits)."""

    options: Tensor
    """responses x options x CODES."""
    answers: Tensor
    """responses x (options, none, several); very low where there is no such option."""
    general: Tensor
    """responses."""
    outcomes: Tensor
    """responses x OUTCOMES."""


class Batch(NamedTuple):
    """Responses side by side, as tensors."""

    groups: list[tuple[Tensor, Tensor, Tensor]]
    """Sequences of like length, padded: ids, roles (-1: padding), and the item of each."""
    items: int
    """Options that are judged, then one a response, then one for what only fills a group up."""
    row: Tensor
    """Of each judged option: its response."""
    place: Tensor
    """Its place among the options shown."""
    features: Tensor
    """Its FEATURES numbers."""
    most: int
    """Options of the response that has most."""
    rows: int


class Network(nn.Module):
    """The encoder and its heads."""

    def __init__(self, config: Any) -> None:
        """With random weights, for a configuration of transformers: BERT's, MPNet's or alike."""
        super().__init__()
        from transformers import AutoModel

        width = config.hidden_size
        self.bfloat16 = False
        """Whether the encoder computes in bfloat16; the heads never do."""
        # Eager: twice as fast on a processor for so short sequences.
        self.encoder = AutoModel.from_config(
            config, attn_implementation="eager", add_pooling_layer=False
        )
        self.has_kinds = getattr(config, "type_vocab_size", 0) > 1
        """Whether the encoder tells the text from what it is held against (token types)."""
        self.roles = nn.Embedding(6, width)
        nn.init.normal_(self.roles.weight, std=0.02)
        self.option = nn.Sequential(nn.Linear(2 * width + FEATURES, 256), nn.GELU())
        self.code = nn.Sequential(nn.Linear(512, 128), nn.GELU(), nn.Linear(128, len(CODES)))
        self.answer = nn.Linear(512, 1)
        self.whole = nn.Sequential(nn.Linear(2 * width + FEATURES + 256, 256), nn.GELU())
        self.general = nn.Linear(256, 1)
        self.no_answer = nn.Linear(256, 2)
        self.outcome = nn.Linear(256, len(OUTCOMES))

    def forward(self, batch: Batch) -> Heads:
        """The logits of a batch."""
        width = self.roles.embedding_dim
        device = self.roles.weight.device
        first = torch.zeros(batch.items, width, device=device)
        pooled = torch.zeros(batch.items, width, device=device)
        pieces = torch.zeros(batch.items, 1, device=device)
        counts = torch.zeros(batch.items, 1, device=device)
        for ids, roles, item in batch.groups:
            there = roles >= 0
            words = self.encoder.get_input_embeddings()(ids) + self.roles(roles.clamp_min(0))
            kinds = {"token_type_ids": (roles > FRAME).long()} if self.has_kinds else {}
            with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
                found = self.encoder(inputs_embeds=words, attention_mask=there.long(), **kinds)
            hidden = found.last_hidden_state.float()
            heard = roles >= ABOUT
            heard = torch.where(heard.any(1, keepdim=True), heard, roles > FRAME)[
                :, :, None
            ].float()
            first = first.index_add(0, item, hidden[:, 0])
            pieces = pieces.index_add(0, item, torch.ones_like(pieces[:1]).expand(len(item), 1))
            pooled = pooled.index_add(0, item, (hidden * heard).sum(1))
            counts = counts.index_add(0, item, heard.sum(1))
        states = torch.cat((first / pieces.clamp_min(1.0), pooled / counts.clamp_min(1.0)), 1)
        judged = len(batch.row)
        option = self.option(torch.cat((states[:judged], batch.features), 1))
        known = torch.cat((option, batch.features), 1)
        number = torch.zeros(batch.rows, 1, device=device)
        number = number.index_add(0, batch.row, torch.ones_like(known[:, :1])).clamp_min(1.0)
        mean = torch.zeros(batch.rows, known.shape[1], device=device)
        mean = mean.index_add(0, batch.row, known) / number
        whole = self.whole(torch.cat((states[judged:-1], mean), 1))
        option = torch.cat((option, mean[batch.row, :256]), 1)
        absent = torch.tensor([6.0, -3.0, -6.0, -6.0, -6.0], device=device)
        codes = absent.repeat(batch.rows, batch.most, 1)
        codes = codes.index_put((batch.row, batch.place), self.code(option))
        answers = torch.full((batch.rows, batch.most), -12.0, device=device)
        answers = answers.index_put((batch.row, batch.place), self.answer(option)[:, 0])
        return Heads(
            codes,
            torch.cat((answers, self.no_answer(whole)), 1),
            self.general(whole)[:, 0],
            self.outcome(whole),
        )


class Encoder:
    """Texts to sequences of tokens, by the encoder's own tokenizer."""

    def __init__(self, file: Path) -> None:
        """From a `tokenizer.json`."""
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        known = self._tokenizer.token_to_id
        self._cls, self._sep = (
            int(known(one) or known(other) or 0)
            for one, other in (("[CLS]", "<s>"), ("[SEP]", "</s>"))
        )
        self._short = lru_cache(8192)(self._ids)

    def _ids(self, text: str) -> tuple[int, ...]:
        text = _ALONE.sub("\ufffd", text)
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode(self, reading: Reading, examined: Examined, found: Attributed) -> Encoded:
        """The sequences of a response: about each option, and one about the whole."""
        text = _ALONE.sub("\ufffd", reading.text[: found.end])
        body = self._tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = body.ids, body.offsets
        own = [
            (_tokens(offsets, option.evidence), _tokens(offsets, option.mentions))
            for option in found.options
        ]
        owners = [0] * len(ids)
        for evidence, mentions in own:
            for first, last in (*evidence, *mentions):
                for at in range(first, last):
                    owners[at] += 1
        segments = [
            (first, last)
            for first, last in _tokens(offsets, found.segments, merge=False)
            if last > first
        ]
        loose = [
            (first, last)
            for first, last in segments
            if 2 * sum(1 for at in range(first, last) if owners[at]) < last - first
        ]
        asked = self._short(reading.stem[-400:])[-ASKED:]
        sequences = []
        for index, (evidence, mentions) in enumerate(own):
            own_text = self._short(reading.shown[index].text)[:OWN]
            prefix = [self._cls, *own_text, self._sep, *asked, self._sep]
            if evidence or mentions:
                pieces = _pieces(evidence or mentions)
                if len(pieces) > MOST_PIECES:
                    half = MOST_PIECES // 2
                    pieces = pieces[:half] + pieces[-half:]
                about = _members(evidence, len(ids))
                naming = _members(mentions, len(ids))
                fresh = _members(_tokens(offsets, _new(examined, index)), len(ids))
            elif loose:
                pieces = [_last(loose, SEARCHED)]
                about = naming = fresh = bytearray()
            else:
                continue
            for piece in pieces:
                tokens, roles = list(prefix), [FRAME] * len(prefix)
                for first, last in piece:
                    for at in range(first, last):
                        tokens.append(ids[at])
                        roles.append(_role(at, naming, fresh, about, owners))
                sequences.append(Input([*tokens, self._sep], [*roles, FRAME], index))
        tokens = [self._cls, *asked, self._sep]
        roles = [FRAME] * len(tokens)
        spread = [at for first, last in loose for at in range(first, last)]
        if len(spread) > LOOSE:
            spread = spread[: LOOSE // 2] + spread[-LOOSE // 2 :]
        spread = sorted({*spread, *range(max(0, len(ids) - ENDING), len(ids))})
        tokens += [ids[at] for at in spread]
        roles += [CLAIMED if owners[at] else CONTEXT for at in spread]
        sequences.append(Input([*tokens, self._sep], [*roles, FRAME], -1))
        size = sum(last - first for first, last in loose)
        return Encoded(
            sequences, _features(examined, found, [one.label for one in reading.shown], size)
        )


def _role(
    at: int, naming: bytearray, fresh: bytearray, about: bytearray, owners: Sequence[int]
) -> int:
    if naming and naming[at]:
        return MENTION
    if about and about[at]:
        return NEW if fresh[at] else ABOUT
    return CLAIMED if owners[at] else CONTEXT


def _new(examined: Examined, option: int) -> list[Span]:
    """The new words of what is about an option, in characters."""
    document = examined.document
    places = {
        at for unit in examined.units[option] for at in new_tokens(document, examined.options, unit)
    }
    return [(document.starts[at], document.ends[at]) for at in places]


def _tokens(
    offsets: Sequence[tuple[int, int]], spans: Iterable[Span], merge: bool = True
) -> list[tuple[int, int]]:
    """The tokens of stretches of characters, in order; overlapping ones merged."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans) if merge else spans:
        first = bisect_right(offsets, start, key=lambda offset: offset[1])
        last = max(first, bisect_left(offsets, end, key=lambda offset: offset[0]))
        if merge and found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        elif last > first or not merge:
            found.append((first, last))
    return found


def _members(ranges: Sequence[tuple[int, int]], size: int) -> bytearray:
    flags = bytearray(size)
    for first, last in ranges:
        flags[first:last] = b"\x01" * (last - first)
    return flags


def _pieces(evidence: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """What is about an option in pieces of PIECE tokens."""
    pieces: list[list[tuple[int, int]]] = [[]]
    size = 0
    for first, last in evidence:
        for begin in range(first, last, PIECE):
            stop = min(begin + PIECE, last)
            if size and size + stop - begin > PIECE:
                pieces.append([])
                size = 0
            pieces[-1].append((begin, stop))
            size += stop - begin
    return pieces


def _last(ranges: Sequence[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """The last tokens of these ranges."""
    found: list[tuple[int, int]] = []
    for first, last in reversed(ranges):
        if size <= 0:
            break
        found.append((max(first, last - size), last))
        size -= last - first
    return found[::-1]


def _features(
    examined: Examined, found: Attributed, labels: Sequence[str], loose: int
) -> list[list[float]]:
    """What is known of each option beside the text.

    Whether it is mentioned, whether anything is about it and whether that says something new; how
    long that is and how often the option is mentioned; whether it is the answer that is stated, and
    whether another is; how far it shares its stretches with others; the share of the other options
    that something new is said of; how many options there are; how much text no option claims. Then
    what the rules count: new words, words against it and for it, verdicts on it, whether it is
    compared, the side that they would give it, and whether they find general reasoning.
    """
    said = [said_of(examined, units) for units in examined.units]
    general = float(is_general(examined))
    holders: dict[Span, int] = {}
    for option in found.options:
        for span in option.evidence:
            holders[span] = holders.get(span, 0) + 1
    told = sum(option.new for option in found.options)
    rows = []
    for place, (option, label) in enumerate(zip(found.options, labels, strict=True)):
        counts = said[place]
        side = side_of(examined, said, place) if counts.new else ""
        length = sum(end - start for start, end in option.evidence)
        shared = sum((end - start) * (holders[start, end] > 1) for start, end in option.evidence)
        stated = found.answer is not None
        rows.append(
            [
                float(bool(option.mentions)),
                float(bool(option.evidence)),
                float(option.new),
                log1p(length) / 5.0,
                log1p(len(option.mentions)) / 2.0,
                float(stated and found.answer == label),
                float(stated and found.answer != label),
                float(found.explicit),
                shared / length if length else 0.0,
                (told - option.new) / max(1, len(labels) - 1),
                len(labels) / 10.0,
                log1p(loose) / 5.0,
                min(counts.new, 6) / 3.0,
                min(counts.against, 4) / 2.0,
                min(counts.favour, 4) / 2.0,
                float(min(counts.affirmed, 2)),
                float(min(counts.denied, 2)),
                float(counts.weighed),
                float(side == "for"),
                float(side == "against"),
                general,
            ]
        )
    return rows


def _width(sequence: Input) -> int:
    """Its length, up to the next multiple of STEP."""
    return -(-len(sequence.ids) // STEP) * STEP


def _grouped(
    numbered: Sequence[tuple[Input, int]], exact: bool
) -> Iterator[list[tuple[Input, int]]]:
    """GROUP sequences in turn, in order of length; of one width, where that is asked for."""
    widths = groupby(numbered, lambda pair: _width(pair[0])) if exact else [(0, iter(numbered))]
    for _, own in widths:
        while group := list(islice(own, GROUP)):
            yield group


def collate(rows: Sequence[Encoded], *, exact: bool = False) -> Batch:
    """Responses side by side.

    Args:
        rows: what is read together.
        exact: every group has one shape a length, filled up where need be, so that what is said of
            a response does not hang on what it is read with.
    """
    wanted: dict[tuple[int, int], int] = {}
    for index, row in enumerate(rows):
        for sequence in row.sequences:
            if sequence.option >= 0:
                wanted.setdefault((index, sequence.option), len(wanted))
    judged = len(wanted)
    numbered = [
        (sequence, wanted[index, sequence.option] if sequence.option >= 0 else judged + index)
        for index, row in enumerate(rows)
        for sequence in row.sequences
    ]
    numbered.sort(key=lambda pair: len(pair[0].ids))
    groups = []
    for own in _grouped(numbered, exact):
        width = _width(own[-1][0])
        count = GROUP if exact else len(own)
        ids = torch.zeros(count, width, dtype=torch.long)
        roles = torch.full((count, width), -1)
        roles[:, 0] = FRAME
        items = torch.full((count,), judged + len(rows))
        for place, (sequence, item) in enumerate(own):
            ids[place, : len(sequence.ids)] = torch.tensor(sequence.ids)
            roles[place, : len(sequence.ids)] = torch.tensor(sequence.roles)
            items[place] = item
        groups.append((ids, roles, items))
    pairs = list(wanted)
    features = [rows[index].features[option] for index, option in pairs]
    return Batch(
        groups,
        judged + len(rows) + 1,
        torch.tensor([index for index, _ in pairs], dtype=torch.long),
        torch.tensor([option for _, option in pairs], dtype=torch.long),
        torch.tensor(features).reshape(judged, FEATURES),
        max(1, max(len(row.features) for row in rows)),
        len(rows),
    )


WEIGHTS = Path(__file__).parent / "weights"
"""The fine-tuned encoder: model.safetensors, tokenizer.json, config.json, card.json, notices."""
VERSION = 4
CHUNK = 256
"""Responses that are looked at together, so that sequences of one length meet."""
SURE = 0.8
"""Probability from which on the network's answer counts where none is stated outright; below it,
sources left out were read better by what the rules make of the text."""
BATCH = 64
"""Responses of one call of the network."""
_TREATMENTS: tuple[tuple[TreatmentCode, Side | None], ...] = (
    ("none", None),
    ("named", None),
    ("reasoned", "for"),
    ("reasoned", "against"),
    ("reasoned", "neutral"),
)


class Calibration(NamedTuple):
    """What turns logits into probabilities that hold; fitted on sources left out."""

    temperature: float = 1.0
    """An option's log-odds of being reasoned about are divided by it."""
    whole: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Weights of the least and of the mean log-odds over options, and a constant."""
    general: float = 0.0
    """The logit from which on there is general reasoning."""
    neutral: float = 0.0
    """What is added to the logit of taking no side, which is rare and so said too seldom."""


class Scores(NamedTuple):
    """What the network says of one response (logits, plain numbers)."""

    options: list[list[float]]
    """An option: one a code of CODES."""
    prior: list[float]
    """An option: the log-odds by rule."""
    answers: list[float]
    """One an option, then none, then several."""
    general: float
    outcomes: list[float]


class NeuralReader:
    """Reads with the fine-tuned encoder, many responses at once."""

    parallel = False
    """One copy uses all cores, or the GPU."""

    def __init__(self, folder: Path | None = None, device: str | None = None) -> None:
        """The weights of a folder; those that come with the package where none is given.

        Args:
            folder: as `python -m starprobe.bench.readers.train` writes it.
            device: such as "cuda"; the GPU where there is one, else the processor.

        Raises:
            OSError: the folder lacks a file.
            ValueError: the weights are of another shape.
        """
        folder = folder or WEIGHTS
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        self.name = f"neural-{VERSION}.{card['sha256'][:6]}"
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.encoder = Encoder(folder / "tokenizer.json")
        self.network = load_network(folder).to(self.device).eval()
        self.network.bfloat16 = fast_bfloat16(self.device)
        stored = card["calibration"]
        self.calibration = Calibration(**stored | {"whole": tuple(stored["whole"])})

    def read(self, readings: Iterable[Reading]) -> Iterator[Verdict | None]:
        """The verdicts, in order; memory does not grow with the number of readings."""
        rest = iter(readings)
        while chunk := list(islice(rest, CHUNK)):
            found, encoded = [], []
            for one in chunk:
                examined = examine(one.stem, one.shown, one.text, one.finish_reason)
                found.append(attributed(examined, one.shown))
                encoded.append(self.encoder.encode(one, examined, found[-1]))
            for one, where, scores in zip(chunk, found, score(self.network, encoded), strict=True):
                yield decide(one, where, scores, self.calibration, self.name)

    def errors(self) -> ErrorCounts | None:
        """Its counts on sources left out; None for weights of one's own."""
        return error_counts(self.name)

    def close(self) -> None:
        """Nothing is held beyond memory."""


def load_network(folder: Path) -> Network:
    """The network of a folder with config.json and model.safetensors, in float32.

    Raises:
        OSError: a file is not there.
        ValueError: the weights are of another network.
    """
    from safetensors.torch import load_file
    from transformers import AutoConfig

    network = Network(AutoConfig.from_pretrained(folder))
    stored = {name: part.float() for name, part in load_file(folder / "model.safetensors").items()}
    missing, unexpected = network.load_state_dict(stored, strict=False)
    if odd := [name for name in (*missing, *unexpected) if not name.endswith("_ids")]:
        raise ValueError(f"{folder} holds another network: {odd[0]}")
    return network


def fast_bfloat16(device: torch.device) -> bool:
    """Whether this device computes in bfloat16 natively, which is faster and as good."""
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported())


def score(network: Network, rows: Sequence[Encoded]) -> list[Scores]:
    """What the network says of each row, in order; rows of like length are batched together."""
    found: list[Scores | None] = [None] * len(rows)
    device = network.roles.weight.device
    order = sorted(range(len(rows)), key=lambda index: len(rows[index].sequences))
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH):
            indices = order[begin : begin + BATCH]
            batch = collate([rows[index] for index in indices], exact=True)
            parts = (part.tolist() for part in network(moved(batch, device)))
            options, answers, general, outcomes = parts
            for place, index in enumerate(indices):
                count = len(rows[index].features)
                found[index] = Scores(
                    options[place][:count],
                    rows[index].prior,
                    [*answers[place][:count], *answers[place][-2:]],
                    general[place],
                    outcomes[place],
                )
    return [one for one in found if one is not None]


def moved(batch: Batch, device: torch.device) -> Batch:
    """The batch on another device."""
    if device.type == "cpu":
        return batch
    return batch._replace(
        groups=[(a.to(device), b.to(device), c.to(device)) for a, b, c in batch.groups],
        row=batch.row.to(device),
        place=batch.place.to(device),
        features=batch.features.to(device),
    )


def softmax(logits: Sequence[float]) -> list[float]:
    """Probabilities that add up to 1."""
    top = max(logits)
    raised = [exp(logit - top) for logit in logits]
    total = sum(raised)
    return [one / total for one in raised]


def log_odds(scores: Scores) -> list[float]:
    """Of each option's being reasoned about: the network's, and with less weight the rule's."""
    found = []
    for logits, prior in zip(scores.options, scores.prior, strict=True):
        p = min(max(sum(softmax(logits)[2:]), 1e-6), 1.0 - 1e-6)
        found.append(log(p / (1.0 - p)) + RULE * prior)
    return found


def decide(
    reading: Reading, found: Attributed, scores: Scores, calibration: Calibration, name: str
) -> Verdict:
    """The verdict on one response: a stated answer stands, all else is the network's."""
    treatments: dict[str, Treatment] = {}
    answer, outcome = _answer(reading, found, scores)
    odds = log_odds(scores)
    for place, (shown, option) in enumerate(zip(reading.shown, found.options, strict=True)):
        code = code_of_logits(scores.options[place], odds[place], calibration.neutral)
        if code == 0 and answer == shown.label:
            code = 1
        treatment, side = _TREATMENTS[code]
        treatments[shown.label] = Treatment(
            treatment=treatment,
            side=side,
            spans=() if treatment == "none" else option.evidence or option.mentions,
            p_reasoned=round(logistic(odds[place] / calibration.temperature), 3),
        )
    whole = None
    if len(reading.shown) > 1:
        whole = p_option_by_option(odds, calibration)
    general = scores.general > calibration.general
    return verdict(reading, treatments, answer, outcome, general, name, whole)


def code_of_logits(logits: Sequence[float], odds: float, neutral: float) -> int:
    """Reasoned about where that is likelier than not; then the likeliest side."""
    if odds > 0.0:
        sides = [*logits[2:4], logits[4] + neutral]
        return 2 + sides.index(max(sides))
    return int(logits[1] > logits[0])


def _answer(reading: Reading, found: Attributed, scores: Scores) -> tuple[str | None, Outcome]:
    """What the text states; else what the network is sure of, if the text came to its end."""
    said = softmax(scores.answers)
    best = max(range(len(said)), key=lambda index: said[index])
    if found.explicit or said[best] < SURE:
        return found.answer, found.outcome
    if reading.finish_reason == "length":
        return None, "cut"
    if best < len(reading.shown):
        return reading.shown[best].label, "answered"
    if best > len(reading.shown):
        return MULTI, "multi"
    if found.answer is None:
        return None, found.outcome
    open_ones: tuple[Outcome, ...] = ("no_answer", "refused", "cut")
    return None, max(open_ones, key=lambda one: scores.outcomes[OUTCOMES.index(one)])


def p_option_by_option(odds: Sequence[float], calibration: Calibration) -> float:
    """The calibrated probability that every option is reasoned about."""
    least, mean, constant = calibration.whole
    return round(logistic(least * min(odds) + mean * sum(odds) / len(odds) + constant), 3)


def logistic(odds: float) -> float:
    """The probability of these log-odds."""
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, odds))))
