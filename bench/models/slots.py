"""Keys and values of the rows being decoded, and the attention that reads them.

What all rows begin with is held once and read once a step for the whole batch (as in Hydragen,
Juravsky et al. 2024); each row has a slot for the rest, which another row takes over when it is
done. Transformers' own cache copies all of it at every step and repeats it for every query head.
Knows nothing of tokens, texts or sampling.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "starprobe_slots"
GROW = 64
"""Slots get longer by at least so many tokens at a time."""
PLAIN = frozenset({"position_ids", "is_causal", "use_cache", "cache_position"})
"""Arguments of an attention that change nothing here."""

Pair = tuple[torch.Tensor, torch.Tensor]


class Prefix:
    """Keys and values of what several rows begin with, (heads, tokens, size) by layer."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.layers: dict[int, Pair] = {}


class Slots:
    """Keys and values by layer, (slots, heads, tokens, size), of what rows do not share."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._rows: dict[int, Pair] = {}

    def put(self, layer: int, slot: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """A row's tokens, (heads, tokens, size), from the beginning of its slot."""
        length = keys.shape[1]
        for held, new in zip(self._room(layer, keys, values, length), (keys, values), strict=True):
            held[slot, :, :length] = new

    def append(self, layer: int, at: torch.Tensor, longest: int, new: Pair) -> Pair:
        """One token for every slot, behind those it has; gives all that is filled."""
        rows = torch.arange(self.count, device=at.device)
        held = self._room(layer, new[0][0], new[1][0], longest)
        for tensor, one in zip(held, new, strict=True):
            tensor[rows, :, at] = one[:, :, 0]
        return held[0][:, :, :longest], held[1][:, :, :longest]

    def keep(self, slots: torch.Tensor) -> None:
        """Only these slots are left."""
        self.count = len(slots)
        self._rows = {
            layer: (keys[slots], values[slots]) for layer, (keys, values) in self._rows.items()
        }

    def _room(self, layer: int, keys: torch.Tensor, values: torch.Tensor, length: int) -> Pair:
        held = self._rows.get(layer)
        if held is None or held[0].shape[2] < length:
            grown = -(-max(length, length * 5 // 4) // GROW) * GROW
            before = held or (None, None)
            held = (
                _grown(keys, self.count, grown, before[0]),
                _grown(values, self.count, grown, before[1]),
            )
            self._rows[layer] = held
        return held


def _grown(like: torch.Tensor, count: int, length: int, held: torch.Tensor | None) -> torch.Tensor:
    made = like.new_zeros(count, like.shape[0], length, like.shape[2])
    if held is not None:
        made[:, :, : held.shape[2]] = held
    return made


class Layer(NamedTuple):
    """Which layer attends, and how."""

    number: int
    scale: float
    window: int | None
    """Tokens that a token looks back over, itself included; None: all."""


class Pass(Protocol):
    """One run of the model over tokens: what its attention does with them."""

    def attend(self, layer: Layer, query: torch.Tensor, new: Pair) -> torch.Tensor:
        """What is attended to, (rows, tokens, heads, size)."""


class PrefixPass:
    """One row: the tokens that several rows begin with."""

    def __init__(self, prefix: Prefix) -> None:
        self._prefix = prefix

    def attend(self, layer: Layer, query: torch.Tensor, new: Pair) -> torch.Tensor:
        """Causal attention among the tokens, which are kept."""
        self._prefix.layers[layer.number] = new[0][0].contiguous(), new[1][0].contiguous()
        keys, values = (_repeated(one, query) for one in new)
        places = torch.arange(query.shape[2], device=query.device)
        mask = _seen(places[:, None], places[None, :], layer.window)
        found = scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=layer.scale)
        return found.transpose(1, 2)


class FillPass:
    """New rows, padded on the left to one length: their prompts behind one prefix or none."""

    def __init__(
        self, slots: Slots, prefix: Prefix | None, places: list[list[int]], lengths: list[int]
    ) -> None:
        """Row r is `lengths[r]` tokens and goes into all slots of `places[r]`."""
        self._slots, self._prefix = slots, prefix
        self._places, self._lengths = places, lengths
        self._masks: dict[int | None, torch.Tensor] = {}

    def attend(self, layer: Layer, query: torch.Tensor, new: Pair) -> torch.Tensor:
        """Attention to the prefix and, causally, to the row's own tokens, which are kept."""
        keys, values = new
        width = query.shape[2]
        for row, (places, length) in enumerate(zip(self._places, self._lengths, strict=True)):
            for place in places:
                own = slice(width - length, width)
                self._slots.put(layer.number, place, keys[row, :, own], values[row, :, own])
        if self._prefix:
            before = self._prefix.layers[layer.number]
            keys, values = _behind(before[0], keys), _behind(before[1], values)
        found = scaled_dot_product_attention(
            query,
            _repeated(keys, query),
            _repeated(values, query),
            attn_mask=self._mask(layer.window, query),
            scale=layer.scale,
        )
        return found.transpose(1, 2)

    def _mask(self, window: int | None, query: torch.Tensor) -> torch.Tensor:
        """(rows, 1, tokens, prefix and tokens): which sees which."""
        if window not in self._masks:
            shared = self._prefix.length if self._prefix else 0
            width, device = query.shape[2], query.device
            padding = torch.tensor([width - length for length in self._lengths], device=device)
            own = torch.arange(width, device=device)[None] - padding[:, None]
            first = torch.arange(shared, device=device).expand(len(padding), shared)
            places = torch.cat([first, own + shared], dim=1)
            mask = _seen((own + shared)[:, :, None], places[:, None, :], window)
            real = torch.cat([first >= 0, own >= 0], dim=1)
            # A padding token sees itself, or softmax gives NaN, which spreads.
            itself = torch.eye(shared + width, dtype=torch.bool, device=device)[shared:]
            self._masks[window] = ((mask & real[:, None, :]) | itself)[:, None]
        return self._masks[window]


Sharing = list[tuple[Prefix, torch.Tensor]]
"""Prefixes with the slots whose rows begin so; no slot twice."""


class StepPass:
    """One new token for every slot."""

    def __init__(self, slots: Slots, sharing: Sharing, lengths: torch.Tensor, longest: int) -> None:
        """Slot s has `lengths[s]` tokens before this one; the longest has `longest` with it."""
        self._slots, self._sharing = slots, sharing
        self._lengths, self._longest = lengths, longest
        self._hidden: dict[int | None, torch.Tensor] = {}

    def attend(self, layer: Layer, query: torch.Tensor, new: Pair) -> torch.Tensor:
        """Attention to each row's own tokens, and to each prefix for all its rows at once."""
        keys, values = self._slots.append(layer.number, self._lengths, self._longest, new)
        rows, heads, _, size = query.shape
        held = keys.shape[1]
        grouped = query.reshape(rows, held, heads // held, size) * layer.scale
        scores = grouped @ keys.transpose(2, 3)
        scores = scores.masked_fill(self._unseen(layer.window), torch.finfo(scores.dtype).min)
        if not self._sharing:
            found = _weights(scores) @ values
        elif len(self._sharing) == 1 and len(self._sharing[0][1]) == rows:
            weights, found = self._with_prefix(0, layer, grouped, scores)
            found = found + weights @ values
        else:
            found = self._with_prefixes(layer, grouped, scores, values)
        return found.reshape(rows, 1, heads, values.shape[3])

    def _unseen(self, window: int | None) -> torch.Tensor:
        if window not in self._hidden:
            places = torch.arange(self._longest, device=self._lengths.device)
            seen = _seen(self._lengths[:, None], places[None, :], window)
            self._hidden[window] = ~seen[:, None, None, :]
        return self._hidden[window]

    def _with_prefixes(
        self, layer: Layer, grouped: torch.Tensor, scores: torch.Tensor, values: torch.Tensor
    ) -> torch.Tensor:
        weights = _weights(scores)
        before = weights.new_zeros(*weights.shape[:3], values.shape[3])
        for number, (_, slots) in enumerate(self._sharing):
            found = self._with_prefix(number, layer, grouped[slots], scores[slots])
            weights[slots], before[slots] = found
        return before + weights @ values

    def _with_prefix(
        self, number: int, layer: Layer, grouped: torch.Tensor, scores: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(weights of the rows' own tokens, what comes from the prefix) of those that share it."""
        prefix, slots = self._sharing[number]
        keys, values = prefix.layers[layer.number]
        rows, held, each, size = grouped.shape
        flat = grouped.transpose(0, 1).reshape(held, rows * each, size)
        before = (flat @ keys.transpose(1, 2)).view(held, rows, each, -1).transpose(0, 1)
        if layer.window is not None:
            asking = self._lengths[slots, None] + prefix.length
            places = torch.arange(prefix.length, device=asking.device)[None, :]
            unseen = ~_seen(asking, places, layer.window)[:, None, None, :]
            before = before.masked_fill(unseen, torch.finfo(before.dtype).min)
        weights = _weights(torch.cat([before, scores], dim=3))
        first = weights[..., : prefix.length].transpose(0, 1).reshape(held, rows * each, -1)
        found = (first @ values).view(held, rows, each, -1).transpose(0, 1)
        return weights[..., prefix.length :], found


def _seen(asking: torch.Tensor, places: torch.Tensor, window: int | None) -> torch.Tensor:
    """Whether the token at one place looks back to another."""
    seen = places <= asking
    return seen if window is None else seen & (places > asking - window)


def _behind(prefix: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    return torch.cat([prefix.expand(len(own), *prefix.shape), own], dim=2)


def _weights(scores: torch.Tensor) -> torch.Tensor:
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(scores.dtype)


def _repeated(held: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """Keys or values once for every query head that shares them."""
    return held.repeat_interleave(query.shape[1] // held.shape[1], dim=1)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Transformers' interface: the pass that comes as an argument, else what torch has."""
    current: Pass | None = kwargs.pop("slots_pass", None)
    if current is None:
        plain: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **kwargs
        )
        return plain
    scale = kwargs.pop("scaling", None) or query.shape[-1] ** -0.5
    window = kwargs.pop("sliding_window", None)
    kwargs.pop("dropout", None)
    strange = {name for name, given in kwargs.items() if given is not None} - PLAIN
    if strange:
        raise NotImplementedError(f"attention with {', '.join(sorted(strange))}")
    layer = Layer(int(module.layer_idx), scale, window)
    return current.attend(layer, query, (key, value)).contiguous(), None


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
