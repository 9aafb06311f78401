"""Decoding many prompts with a fixed number of slots: a row that is done makes room for the next.

Token ids and sampling in, token ids out; of texts it knows only when a stop string is reached. Only
models whose attention can be replaced are decoded so; `supports` tries it out.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from starprobe.bench.models.row_sampling import draw
from starprobe.bench.models.slots import (
    ATTENTION,
    FillPass,
    Pass,
    Prefix,
    PrefixPass,
    Sharing,
    Slots,
    StepPass,
)
from starprobe.bench.records import Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel

REFILL = 8
"""New rows come in when one slot in so many is free: prompts are cheaper run together."""
TELL_THEIR_WINDOW = frozenset({"mistral", "gemma3_text", "qwen2", "qwen3", "phi3", "starcoder2"})
"""Families whose layers hand their sliding window to the attention; each has a test."""
TRIED = 23, 8
"""Tokens of the trial in `supports`, and how many of them are its prefix."""


class Row(NamedTuple):
    """A row to decode: its tokens behind the prefix that it shares, and its seed."""

    number: int
    ids: list[int]
    seed: int
    group: int
    """Which prefix."""


class Done(NamedTuple):
    """A decoded row."""

    number: int
    ids: list[int]
    seconds: float


class _Active:
    """A row in its slot."""

    def __init__(self, row: Row) -> None:
        self.number, self.group = row.number, row.group
        self.length = len(row.ids)
        self.made: list[int] = []
        self.generator = random.Random(row.seed)
        self.start = time.perf_counter()


Ended = Callable[[list[int]], bool]


class Continuous:
    """Decodes rows of one kind of sampling with one model."""

    def __init__(
        self, model: PreTrainedModel, prefixes: list[list[int]], sampling: Sampling, ended: Ended
    ) -> None:
        """`ended` says of a row's generated tokens whether the last one ends it."""
        self._model, self._sampling, self._ended = model, sampling, ended
        self._ids = prefixes
        self._prefixes: dict[int, Prefix] = {}
        self._slots = Slots(0)
        self._active: list[_Active | None] = []

    @torch.inference_mode()
    def decode(self, rows: Sequence[Row], size: int) -> Iterator[Done]:
        """Each row as it is done, at most `size` at a time, in order of coming in."""
        waiting = list(reversed(rows))
        size = min(size, len(waiting))
        self._slots, self._active = Slots(size), [None] * size
        while waiting or any(self._active):
            free = [place for place, active in enumerate(self._active) if active is None]
            if waiting and len(free) * REFILL >= size:
                new = [waiting.pop() for _ in free[: len(waiting)]]
                yield from self._fill(dict(zip(free, new, strict=False)))
                self._forget({row.group for row in waiting})
            elif not waiting and len(free) * 4 >= len(self._active):
                self._shrink()
            yield from self._step()

    def _fill(self, new: dict[int, Row]) -> Iterator[Done]:
        """Runs the prompts of new rows by slot, and draws their first tokens."""
        groups: dict[int, dict[int, Row]] = {}
        for place, row in new.items():
            groups.setdefault(row.group, {})[place] = row
        for group, rows in groups.items():
            yield from self._fill_behind(self._prefix(group), rows)

    def _fill_behind(self, prefix: Prefix | None, rows: dict[int, Row]) -> Iterator[Done]:
        """Runs prompts behind one prefix, equal ones once."""
        places: dict[tuple[int, ...], list[int]] = {}
        for place, row in rows.items():
            self._active[place] = _Active(row)
            places.setdefault(tuple(row.ids), []).append(place)
        lengths = [len(ids) for ids in places]
        width = max(lengths)
        padded = [[ids[0]] * (width - len(ids)) + list(ids) for ids in places]
        offsets = torch.tensor([[width - length] for length in lengths])
        positions = (torch.arange(width)[None] - offsets).clamp(min=0)
        positions += prefix.length if prefix else 0
        filling = FillPass(self._slots, prefix, list(places.values()), lengths)
        scores = self._run(torch.tensor(padded, device=self._model.device), positions, filling)
        times = torch.tensor([len(found) for found in places.values()], device=scores.device)
        order = [place for found in places.values() for place in found]
        yield from self._drawn(order, scores.repeat_interleave(times, dim=0))

    def _prefix(self, group: int) -> Prefix | None:
        """The prefix of a group, run when it is first needed."""
        if not self._ids[group]:
            return None
        if group not in self._prefixes:
            made = Prefix(len(self._ids[group]))
            ids = torch.tensor([self._ids[group]], device=self._model.device)
            self._run(ids, torch.arange(made.length)[None], PrefixPass(made))
            self._prefixes[group] = made
        return self._prefixes[group]

    def _forget(self, waiting: set[int]) -> None:
        """Frees the prefixes that no row needs any more."""
        needed = waiting | {active.group for active in self._active if active}
        self._prefixes = {key: one for key, one in self._prefixes.items() if key in needed}

    def _step(self) -> Iterator[Done]:
        """One more token for every row."""
        order = [place for place, active in enumerate(self._active) if active is not None]
        if not order:
            return
        last = [active.made[-1] if active else 0 for active in self._active]
        # The newest token is not in its slot yet; empty slots write where nobody reads.
        held = [active.length + len(active.made) - 1 if active else 0 for active in self._active]
        device = self._model.device
        lengths = torch.tensor(held, device=device)
        step = StepPass(self._slots, self._sharing(), lengths, max(held) + 1)
        positions = (lengths + torch.tensor(self._shared(), device=device))[:, None]
        scores = self._run(torch.tensor(last, device=device)[:, None], positions, step)
        if len(order) < len(self._active):
            scores = scores[torch.tensor(order, device=device)]
        yield from self._drawn(order, scores)

    def _sharing(self) -> Sharing:
        """Which slots begin with which prefix."""
        slots: dict[int, list[int]] = {}
        for place, active in enumerate(self._active):
            if active and self._ids[active.group]:
                slots.setdefault(active.group, []).append(place)
        return [
            (self._prefixes[group], torch.tensor(places, device=self._model.device))
            for group, places in slots.items()
        ]

    def _shared(self) -> list[int]:
        """Tokens of each slot's prefix."""
        return [len(self._ids[active.group]) if active else 0 for active in self._active]

    def _drawn(self, order: list[int], scores: torch.Tensor) -> Iterator[Done]:
        """Draws a token for each of these slots, and gives the rows that it ends."""
        active = [self._active[place] for place in order]
        generators = [one.generator for one in active if one is not None]
        tokens = draw(scores, generators, self._sampling).tolist()
        for place, one, token in zip(order, active, tokens, strict=True):
            if one is None:
                continue
            one.made.append(token)
            if len(one.made) >= self._sampling.max_tokens or self._ended(one.made):
                self._active[place] = None
                yield Done(one.number, one.made, time.perf_counter() - one.start)

    def _shrink(self) -> None:
        kept = [place for place, active in enumerate(self._active) if active is not None]
        if kept:
            self._slots.keep(torch.tensor(kept, device=self._model.device))
            self._active = [self._active[place] for place in kept]

    def _run(self, ids: torch.Tensor, positions: torch.Tensor, current: Pass) -> torch.Tensor:
        """Scores of the token after the last one, (rows, vocabulary)."""
        return run(self._model, ids, positions, current)[:, -1]


def run(
    model: PreTrainedModel, ids: torch.Tensor, positions: torch.Tensor, current: Pass
) -> torch.Tensor:
    """The model's logits with the attention of a pass, of the last token."""
    found: torch.Tensor = model(
        input_ids=ids,
        position_ids=positions.to(ids.device),
        use_cache=False,
        logits_to_keep=1,
        slots_pass=current,
    ).logits
    return found


def supports(model: PreTrainedModel) -> bool:
    """Whether this model's attention can be replaced and then gives the same scores.

    Tried out on a few tokens, in a prefix, a prompt behind it and a step.
    """
    if model.config._attn_implementation != "sdpa" or not model._supports_attention_backend:
        return False
    model.set_attn_implementation(ATTENTION)
    with suppress(NotImplementedError, TypeError, AttributeError, ValueError, RuntimeError):
        if _same(model):
            return True
    model.set_attn_implementation("sdpa")
    return False


@torch.inference_mode()
def _same(model: PreTrainedModel) -> bool:
    total, shared = TRIED
    vocabulary = model.get_input_embeddings().num_embeddings
    ids = (torch.arange(2 * total, device=model.device).view(2, total) * 37 + 11) % vocabulary
    ids[1, :shared] = ids[0, :shared]
    wanted = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits
    places = torch.arange(total)[None]
    slots, prefix, own = Slots(2), Prefix(shared), total - shared - 1
    run(model, ids[:1, :shared], places[:, :shared], PrefixPass(prefix))
    filling = FillPass(slots, prefix, [[0], [1]], [own, own])
    run(model, ids[:, shared:-1], places[:, shared:-1], filling)
    lengths = torch.tensor([own, own], device=model.device)
    sharing = [(prefix, torch.arange(2, device=model.device))]
    found = run(model, ids[:, -1:], places[:, -1:], StepPass(slots, sharing, lengths, own + 1))
    error = (found - wanted).float().abs().max()
    return bool(error <= 0.05 * wanted.float().std())


def fits(model: PreTrainedModel, longest: int) -> bool:
    """Whether so many tokens are seen as the model would see them.

    A trial of a few tokens does not show whether a model tells its attention of its window; those
    that do are known.
    """
    config: Any = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["sliding_attention"])
    window = getattr(config, "sliding_window", None)
    if kinds - {"full_attention", "sliding_attention"}:
        return False
    if window is None or kinds == {"full_attention"} or longest <= int(window):
        return True
    return config.model_type in TELL_THEIR_WINDOW
