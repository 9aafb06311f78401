"""Decoding with transformers: shared prefixes, one seed a row, log-likelihoods.

Knows nothing of prompts or runs: token ids and sampling in, text out. Rows go through the slots of
`bench.models.continuous`; models whose attention cannot be replaced are decoded batch by batch
with transformers' own `generate`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import DynamicCache, LogitsProcessorList

from starprobe.bench.models.continuous import Continuous, Row, fits, supports
from starprobe.bench.models.prefixes import SHARED_AT_LEAST, common_prefix, grouped
from starprobe.bench.models.row_sampling import RowSampler
from starprobe.bench.models.stops import Stops
from starprobe.bench.records import FinishReason, Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Encoded(NamedTuple):
    """One row to decode."""

    ids: list[int]
    sampling: Sampling


class Decoded(NamedTuple):
    """What became of a row."""

    number: int
    """Of the row, as it was handed in."""
    text: str
    tokens: int
    finish: FinishReason
    seconds: float


class Decoder:
    """Decodes token ids with one loaded model."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._prefix: tuple[list[int], DynamicCache] | None = None
        self._eos = _eos_ids(model, tokenizer)
        self._window = getattr(model.config, "sliding_window", None) or 1 << 30
        self._slots = supports(model)

    def encode(self, text: str) -> list[int]:
        """Token ids; the beginning-of-text token is added only where the text has none yet."""
        bos = self._tokenizer.bos_token
        special = not (bos and text.startswith(bos))
        ids: list[int] = self._tokenizer(text, add_special_tokens=special)["input_ids"]
        if ids and not text.startswith("<") and ids[-1] in self._eos:
            return ids[:-1]
        return ids

    def decode(self, rows: Sequence[Encoded], size: int) -> Iterator[Decoded]:
        """Each row as it is done, at most `size` at a time; all rows share one kind of sampling."""
        longest = max(len(row.ids) for row in rows) + rows[0].sampling.max_tokens
        if self._slots and fits(self._model, longest):
            yield from self._in_slots(rows, size)
        else:
            order = _longest_first(rows, range(len(rows)))
            for start in range(0, len(rows), size):
                yield from self._in_batch(rows, order[start : start + size])

    def _in_slots(self, rows: Sequence[Encoded], size: int) -> Iterator[Decoded]:
        sampling = rows[0].sampling
        groups = grouped([row.ids for row in rows])
        asked = [
            Row(index, rows[index].ids[len(group.prefix) :], rows[index].sampling.seed, number)
            for number, group in enumerate(groups)
            for index in _longest_first(rows, group.indices)
        ]
        stops = Stops(sampling.stop, self._tokenizer, self._eos)
        prefixes = [group.prefix for group in groups]
        looped = Continuous(self._model, prefixes, sampling, stops.ended)
        for done in looped.decode(asked, size):
            text, tokens, finish = self._finish(done.ids, sampling)
            yield Decoded(done.number, text, tokens, finish, done.seconds)

    def _in_batch(self, rows: Sequence[Encoded], indices: list[int]) -> list[Decoded]:
        start = time.perf_counter()
        found = self._generate([rows[index] for index in indices])
        elapsed = time.perf_counter() - start
        return [
            Decoded(number, text, tokens, finish, elapsed)
            for number, (text, tokens, finish) in zip(indices, found, strict=True)
        ]

    @torch.inference_mode()
    def _generate(self, rows: Sequence[Encoded]) -> list[tuple[str, int, FinishReason]]:
        """(text, tokens generated, why it ended) of each row."""
        sampling = rows[0].sampling
        prefix = self._shared_prefix(rows)
        input_ids, mask = self._pad([row.ids for row in rows], len(prefix))
        kwargs: dict[str, Any] = {}
        if prefix:
            kwargs["past_key_values"] = self._cache(prefix, len(rows))
        if sampling.stop:
            kwargs["stop_strings"] = list(sampling.stop)
            kwargs["tokenizer"] = self._tokenizer
        output = self._model.generate(
            input_ids=input_ids,
            attention_mask=mask,
            do_sample=False,
            # A model's own defaults would change the sampling unasked.
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=None,
            max_new_tokens=sampling.max_tokens,
            eos_token_id=self._eos,
            pad_token_id=self._tokenizer.pad_token_id,
            logits_processor=_processors(sampling, [row.sampling.seed for row in rows]),
            **kwargs,
        )
        return [self._finish(ids, sampling) for ids in output[:, input_ids.shape[1] :].tolist()]

    @torch.inference_mode()
    def loglikelihoods(self, pairs: Sequence[tuple[str, str]], batch_size: int) -> list[float]:
        """Natural log-probability of each continuation after its prefix, summed over tokens."""
        encoded = []
        for before, continuation in pairs:
            head = self.encode(before)
            tail = self._tokenizer(continuation, add_special_tokens=False)["input_ids"]
            encoded.append((head, tail))
        order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i][0]) - len(encoded[i][1]))
        found = [0.0] * len(encoded)
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size]
            for index, value in zip(
                indices, self._score([encoded[i] for i in indices]), strict=True
            ):
                found[index] = value
        return found

    def _score(self, rows: list[tuple[list[int], list[int]]]) -> list[float]:
        input_ids, mask = self._pad([head + tail for head, tail in rows], 0)
        longest = max(len(tail) for _, tail in rows)
        if longest == 0:
            return [0.0] * len(rows)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self._model(
            input_ids=input_ids,
            attention_mask=mask,
            position_ids=positions,
            logits_to_keep=longest + 1,
            use_cache=False,
        ).logits
        logprobs = torch.log_softmax(logits[:, :-1].float(), dim=-1)
        targets = input_ids[:, -longest:]
        each = logprobs.gather(2, targets.unsqueeze(2)).squeeze(2)
        return [float(each[i, longest - len(tail) :].sum()) for i, (_, tail) in enumerate(rows)]

    def _shared_prefix(self, rows: Sequence[Encoded]) -> list[int]:
        """What to compute once; nothing where that would not pay, or change what is generated.

        The padding stands between the prefix and the rest. In a model that looks back over a window
        of so many places only, it would push the prefix out of sight.
        """
        prefix = common_prefix([row.ids for row in rows])
        longest = max(len(row.ids) for row in rows) + rows[0].sampling.max_tokens
        if len(rows) == 1 or len(prefix) < SHARED_AT_LEAST or longest > self._window:
            return []
        return prefix

    def _pad(self, rows: Sequence[list[int]], shared: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of one length: the padding stands after the shared prefix, before the rest."""
        longest = max(len(row) for row in rows)
        pad = self._tokenizer.pad_token_id
        ids, masks = [], []
        for row in rows:
            gap = longest - len(row)
            ids.append(row[:shared] + [pad] * gap + row[shared:])
            masks.append([1] * shared + [0] * gap + [1] * (len(row) - shared))
        device = self._model.device
        return torch.tensor(ids, device=device), torch.tensor(masks, device=device)

    def _cache(self, prefix: list[int], rows: int) -> DynamicCache:
        if self._prefix is None or self._prefix[0] != prefix:
            cache = DynamicCache(config=self._model.config)
            ids = torch.tensor([prefix], device=self._model.device)
            self._model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            self._prefix = (prefix, cache)
        expanded = copy.deepcopy(self._prefix[1])
        expanded.batch_repeat_interleave(rows)
        return expanded

    def _finish(self, ids: list[int], sampling: Sampling) -> tuple[str, int, FinishReason]:
        end = next((i for i, token in enumerate(ids) if token in self._eos), None)
        kept = ids[:end]
        text = str(self._tokenizer.decode(kept, skip_special_tokens=True))
        for stop in sampling.stop:
            at = text.find(stop)
            if at >= 0:
                # Filled up with padding while other rows went on.
                while kept and kept[-1] == self._tokenizer.pad_token_id:
                    kept.pop()
                return text[:at], len(kept), "stop"
        return text, len(kept), "length" if end is None else "stop"


def _longest_first(rows: Sequence[Encoded], indices: Iterable[int]) -> list[int]:
    """What does not fit into memory shows at once, and padding is least.

    Equal prompts stand side by side, to be run once.
    """
    return sorted(indices, key=lambda index: (-len(rows[index].ids), rows[index].ids))


def _processors(sampling: Sampling, seeds: list[int]) -> LogitsProcessorList:
    processors = LogitsProcessorList()
    if sampling.temperature > 0:
        processors.append(RowSampler(seeds, sampling))
    return processors


def _eos_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every token that ends a response, as the model's generation config and tokenizer say."""
    named = getattr(model.generation_config, "eos_token_id", None)
    ids = set(named if isinstance(named, list) else [named]) | {tokenizer.eos_token_id}
    for token in ("<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>"):
        index = tokenizer.get_vocab().get(token)
        if index is not None:
            ids.add(index)
    return sorted(index for index in ids if index is not None)
