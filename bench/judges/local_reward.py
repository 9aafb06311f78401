"""A reward model on this machine: AutoModelForSequenceClassification over the chat's own template.

The only module of the judges that imports torch and transformers, and only when a model is loaded.
A conversation that does not fit is an error, never cut: a cut one would be scored for its end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from starprobe.bench.judges.reward_format import ONE
from starprobe.bench.models.base import Request
from starprobe.bench.models.options import BackendOptions
from starprobe.bench.records import Generation, ModelInfo, ResponseError
from starprobe.probes.errors import MissingError


class LocalReward:
    """One reward model; speaks the backends' protocol, its texts are scores as JSON."""

    def __init__(self, name: str, options: BackendOptions) -> None:
        """Loads it.

        Raises:
            MissingError: it is neither here nor on a hub that can be reached.
        """
        try:
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
        except ImportError as error:
            raise MissingError(
                f"hf:{name} needs the package {error.name!r}: pip install 'starprobe[local]'"
            ) from None
        self.name, self.options = f"hf:{name}", options
        trust = options.trust_remote_code
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=trust)
            self.model = AutoModelForSequenceClassification.from_pretrained(
                name, trust_remote_code=trust
            )
        except (OSError, ValueError) as error:
            said = str(error).splitlines()[0]
            raise MissingError(f"the reward model {name!r} cannot be loaded: {said}") from None
        device = options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(device).eval()

    def info(self) -> ModelInfo:
        """Its name, the commit where the hub says it, and how many scores it gives."""
        config = self.model.config
        return ModelInfo(
            name=self.name,
            revision=getattr(config, "_commit_hash", None),
            details={"scores": config.num_labels},
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Scores as JSON text, short conversations first."""
        encoded = sorted(
            ((request.id, self._encode(request)) for request in requests),
            key=lambda pair: len(pair[1]),
        )
        longest = self._longest()
        fitting = [pair for pair in encoded if len(pair[1]) <= longest]
        for name, tokens in encoded[len(fitting) :]:
            message = f"{len(tokens)} tokens do not fit into the reward model's {longest}"
            error = ResponseError(kind="too_long", message=message, permanent=True)
            yield name, Generation(error=error)
        # Without a padding token the model cannot tell where a shorter row ends.
        size = self.options.batch_size if self.model.config.pad_token_id is not None else 1
        for start in range(0, len(fitting), size):
            yield from self._score(fitting[start : start + size])

    def close(self) -> None:
        """Lets the model go."""
        self.model = None

    def _encode(self, request: Request) -> list[int]:
        turns = [turn.model_dump() for turn in request.prompt.messages]
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(turns, tokenize=False)
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        # Models from before chat templates take the question and the response as a pair.
        question = "\n\n".join(turn["content"] for turn in turns[:-1])
        return list(self.tokenizer(question, turns[-1]["content"])["input_ids"])

    def _longest(self) -> int:
        limits = [
            self.tokenizer.model_max_length,
            getattr(self.model.config, "max_position_embeddings", None),
        ]
        return int(min(limit for limit in limits if limit))

    def _score(self, batch: Sequence[tuple[str, list[int]]]) -> Iterator[tuple[str, Generation]]:
        import torch

        start = time.perf_counter()
        width = max(len(tokens) for _, tokens in batch)
        filler = self.model.config.pad_token_id or 0
        rows = [tokens + [filler] * (width - len(tokens)) for _, tokens in batch]
        mask = [[1] * len(tokens) + [0] * (width - len(tokens)) for _, tokens in batch]
        device = self.model.device
        with torch.inference_mode():
            found: Any = self.model(
                input_ids=torch.tensor(rows, device=device),
                attention_mask=torch.tensor(mask, device=device),
            ).logits
        took = (time.perf_counter() - start) / len(batch)
        for (name, _), logits in zip(batch, found.float().tolist(), strict=True):
            text = json.dumps(self._named(logits))
            yield name, Generation(text=text, finish_reason="stop", latency_s=took)

    def _named(self, logits: Sequence[float]) -> dict[str, float]:
        if len(logits) == 1:
            return {ONE: logits[0]}
        labels = self.model.config.id2label
        return {str(labels[place]).lower(): score for place, score in enumerate(logits)}
