"""`hf:` models through transformers: a hub name, a folder, a GGUF file or a PEFT adapter folder.

Each request samples with a seed of its own, so that a response does not depend on what it was
generated with.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteriaList,
    StopStringCriteria,
)

from starprobe.bench.models.backend import BackendOptions, Request, sent_sampling
from starprobe.bench.models.local import (
    EMBEDDED,
    Codec,
    TooLong,
    attention_of,
    base_of,
    device_of,
    fingerprint,
    load_tokenizer,
    resolve,
    unloadable,
)
from starprobe.bench.records import Generation, ModelInfo, ResponseError, Sampling, Usage
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NUCLEUS = 128
"""Tokens among which the nucleus is looked for before all are sorted, which is slow."""


def make(name: str, url: str | None, options: BackendOptions) -> HfBackend:
    """The backend for a model of transformers.

    Raises:
        InputError: a URL was given, or the path holds no model.
        MissingError: the hub cannot be reached for a name that is no path.
    """
    if url is not None:
        raise InputError(f"hf:{name} runs here and takes no URL; leave @{url} out")
    return HfBackend(name, options)


class Row(NamedTuple):
    """A request as token ids."""

    id: str
    ids: list[int]
    sampling: Sampling


class HfBackend:
    """A causal language model of transformers in this process."""

    def __init__(self, name: str, options: BackendOptions) -> None:
        self.options = options
        self.name = name if name in EMBEDDED else f"hf:{name}"
        self.device = torch.device(device_of(options.device))
        self.dtype = _dtype(options.dtype, self.device)
        self.source = resolve(name, options)
        base = base_of(self.source, options)
        self.tokenizer = load_tokenizer(self.source, base, options.trust_remote_code)
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model: PreTrainedModel | None = _load_model(self.source, base, options, self.dtype)
        self.model.to(self.device).eval()
        ends = getattr(self.model.generation_config, "eos_token_id", None)
        self.codec = Codec(self.tokenizer, ends, options.system)
        self._fingerprint = fingerprint(self.source)
        self._sent: list[dict[str, Any]] = []

    def info(self) -> ModelInfo:
        """Name, revision and how it runs."""
        config = self._loaded().config
        return ModelInfo(
            name=self.name,
            revision=getattr(config, "_commit_hash", None) or self._fingerprint,
            details={
                "engine": "transformers",
                "architecture": (config.architectures or [type(self.model).__name__])[0],
                "parameters": sum(p.numel() for p in self._loaded().parameters()),
                "dtype": str(self.dtype).removeprefix("torch."),
                "device": str(self.device),
                "chat_template": self.codec.has_chat,
            }
            | ({"sent": self._sent} if self._sent else {}),
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Generations batch by batch, those of one kind of sampling together."""
        limit = getattr(self._loaded().config, "max_position_embeddings", None)
        kinds: dict[Sampling, list[Row]] = {}
        for request in requests:
            try:
                ids, sampling = self.codec.encode(request, limit)
            except TooLong as error:
                yield request.id, error.generation()
                continue
            kind = sampling.model_copy(update={"seed": 0})
            kinds.setdefault(kind, []).append(Row(request.id, ids, sampling))
        for kind, rows in kinds.items():
            if (sent := sent_sampling(kind)) not in self._sent:
                self._sent.append(sent)
            # What does not fit into memory shows at once, and padding is least.
            yield from self._in_batches(sorted(rows, key=lambda row: -len(row.ids)))

    def loglikelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Sum of log-probabilities of each continuation's tokens after its prefix."""
        encoded = self.codec.pairs(pairs)
        order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i][0]) - len(encoded[i][1]))
        found = [0.0] * len(encoded)
        for start in range(0, len(order), self.options.batch_size):
            indices = order[start : start + self.options.batch_size]
            values = self._score([encoded[index] for index in indices])
            for index, value in zip(indices, values, strict=True):
                found[index] = value
        return found

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The string that is tokenised for this prompt."""
        return self.codec.render(prompt, chat)

    def close(self) -> None:
        """Frees the weights."""
        if self.model is not None:
            self.model = None
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _loaded(self) -> PreTrainedModel:
        if self.model is None:
            raise RuntimeError(f"{self.name} was closed")
        return self.model

    def _in_batches(self, rows: list[Row]) -> Iterator[tuple[str, Generation]]:
        """The generations; where memory runs out, again with half as many at a time."""
        size = self.options.batch_size
        while rows:
            batch, rest = rows[:size], rows[size:]
            try:
                made = self._batch(batch)
            except torch.OutOfMemoryError as error:
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                if len(batch) > 1:
                    size = max(1, len(batch) // 2)
                    continue
                message = str(error).splitlines()[0]
                failed = ResponseError(kind="out_of_memory", message=message)
                made = [(batch[0].id, Generation(error=failed))]
            yield from made
            rows = rest

    @torch.inference_mode()
    def _batch(self, rows: Sequence[Row]) -> list[tuple[str, Generation]]:
        start, sampling = time.perf_counter(), rows[0].sampling
        input_ids, mask = self._padded([row.ids for row in rows])
        steps = LogitsProcessorList()
        if sampling.temperature > 0:
            steps.append(RowSampler([row.sampling.seed for row in rows], sampling))
        output = self._loaded().generate(
            input_ids=input_ids,
            attention_mask=mask,
            do_sample=False,
            # A model's own defaults would change the sampling unasked.
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=None,
            max_new_tokens=sampling.max_tokens,
            eos_token_id=self.codec.ends,
            pad_token_id=self.tokenizer.pad_token_id,
            logits_processor=steps,
            stopping_criteria=self._stops(sampling.stop),
        )
        elapsed = round(time.perf_counter() - start, 4)
        made = []
        for row, ids in zip(rows, output[:, input_ids.shape[1] :].tolist(), strict=True):
            done = self.codec.finish(ids, sampling)
            usage = Usage(prompt_tokens=len(row.ids), completion_tokens=done.tokens)
            generation = Generation(
                text=done.text,
                finish_reason=done.finish,
                usage=usage,
                latency_s=elapsed,
                token_ids=done.ids,
            )
            made.append((row.id, generation))
        return made

    def _stops(self, stop: Sequence[str]) -> StoppingCriteriaList:
        """What ends a response at these strings, besides the cut that is made of it afterwards."""
        if not stop:
            return StoppingCriteriaList()
        try:
            return StoppingCriteriaList([StopStringCriteria(self.tokenizer, list(stop))])
        except ValueError:
            # It tries a tokenizer out with letters, which one of digits, say, does not have.
            return StoppingCriteriaList()

    @torch.inference_mode()
    def _score(self, rows: list[tuple[list[int], list[int]]]) -> list[float]:
        longest = max(len(tail) for _, tail in rows)
        if longest == 0:
            return [0.0] * len(rows)
        input_ids, mask = self._padded([head + tail for head, tail in rows])
        logits = self._loaded()(
            input_ids=input_ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            logits_to_keep=longest + 1,
            use_cache=False,
        ).logits
        logprobs = torch.log_softmax(logits[:, :-1].float(), dim=-1)
        each = logprobs.gather(2, input_ids[:, -longest:].unsqueeze(2)).squeeze(2)
        return [float(each[i, longest - len(tail) :].sum()) for i, (_, tail) in enumerate(rows)]

    def _padded(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """(ids, attention mask) of rows filled up on the left."""
        longest, pad = max(len(row) for row in rows), self.tokenizer.pad_token_id
        ids = [[pad] * (longest - len(row)) + row for row in rows]
        masks = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return torch.tensor(ids, device=self.device), torch.tensor(masks, device=self.device)


class RowSampler(LogitsProcessor):
    """Sampling with one generator a row, as a step of `generate`: leaves one token possible."""

    def __init__(self, seeds: Sequence[int], sampling: Sampling) -> None:
        self._generators = [random.Random(seed) for seed in seeds]
        self._sampling = sampling

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Scores with 0 for the drawn token and -inf elsewhere, (batch, vocabulary).

        Temperature, then nucleus sampling (Holtzman et al. 2020): the likeliest tokens whose mass
        reaches `top_p`. Inverse-CDF sampling with one uniform number a row.
        """
        scaled = scores.float() / self._sampling.temperature
        ids, cumulative = _nucleus(scaled, self._sampling.top_p)
        uniform = torch.tensor(
            [[generator.random()] for generator in self._generators],
            dtype=cumulative.dtype,
            device=cumulative.device,
        )
        place = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
        place = place.clamp(max=cumulative.shape[-1] - 1)
        drawn = place if ids is None else ids.gather(1, place)
        chosen: torch.FloatTensor = torch.full_like(scores, -math.inf).scatter_(1, drawn, 0.0)
        return chosen


def _nucleus(scaled: torch.Tensor, top_p: float) -> tuple[torch.Tensor | None, torch.Tensor]:
    """(token ids or None for all in order, cumulative mass of those that may be drawn)."""
    if top_p >= 1:
        return None, torch.softmax(scaled, dim=-1).double().cumsum(dim=-1)
    total = scaled.logsumexp(dim=-1, keepdim=True)
    values, ids = scaled.topk(min(NUCLEUS, scaled.shape[-1]), dim=-1)
    mass = (values - total).exp().double()
    if bool((mass.sum(dim=-1) < top_p).any()):
        values, ids = scaled.sort(dim=-1, descending=True)
        mass = (values - total).exp().double()
    before = mass.cumsum(dim=-1) - mass
    return ids, mass.masked_fill(before >= top_p, 0.0).cumsum(dim=-1)


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    if wanted == "auto":
        # What a CPU computes in float32 is the same everywhere.
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    chosen: torch.dtype = getattr(torch, wanted)
    return chosen


def _load_model(
    source: Path | str, base: Path | str, options: BackendOptions, dtype: torch.dtype
) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(base),
            dtype=dtype,
            trust_remote_code=options.trust_remote_code,
            **attention_of(base, options.trust_remote_code),
        )
        if base != source:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(source)).merge_and_unload()
    except (OSError, ValueError) as error:
        raise unloadable("hf", base, error) from None
    loaded: PreTrainedModel = model
    return loaded
