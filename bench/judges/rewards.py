"""Reward models, here or behind HTTP: which one a name means, and the scores that they give."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starprobe.bench.judges.panel import Case, Judgement, ask_about
from starprobe.bench.models import BackendOptions, parse_model
from starprobe.bench.models.backend import Backend, Request
from starprobe.bench.models.dialects import Call, Quirks
from starprobe.bench.models.dialects.openai import OpenAI
from starprobe.bench.models.transport import broken
from starprobe.bench.records import Generation, ModelInfo, Response, ResponseError
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Message, Prompt

NVIDIA = "https://integrate.api.nvidia.com/v1"
PATHS = ("/pooling", "/classify", "/chat/completions")
ONE = "reward"
"""What a score without a name is called."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PAIR = re.compile(rf"([A-Za-z][\w -]*?)\s*[:=]\s*({_NUMBER})")


def scores_of(data: Mapping[str, Any]) -> dict[str, float]:
    """Attribute -> score from the body of an answer, in any of the shapes.

    Raises:
        Fault: there are no finite scores in it.
    """
    choices = data.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        found = _from_choice(choices[0])
    else:
        found = _from_pooling(data.get("data"))
    if not found or not all(math.isfinite(score) for score in found.values()):
        raise broken("no_scores", f"the answer holds no scores: {json.dumps(data)[:120]}")
    return found


def _from_choice(choice: Mapping[str, Any]) -> dict[str, float]:
    message = choice.get("message")
    if isinstance(message, list):
        message = message[0] if message else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, list):
        content = "".join(
            str(part.get("text", "")) for part in content if isinstance(part, Mapping)
        )
    return read_scores(content if isinstance(content, str) else "") or _from_logprobs(choice)


def read_scores(content: str) -> dict[str, float]:
    """Scores out of the text that a reward model writes; empty where it is something else."""
    content = content.strip()
    if re.fullmatch(_NUMBER, content):
        return {ONE: float(content)}
    pairs = _PAIR.findall(content)
    # Anything left over means that this is prose with a number in it.
    if not pairs or _PAIR.sub("", content).strip(" ,;\n\t{}\"'"):
        return {}
    return {name.strip().lower(): float(score) for name, score in pairs}


def _from_logprobs(choice: Mapping[str, Any]) -> dict[str, float]:
    logprobs = choice.get("logprobs")
    rows = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return {
        str(row["token"]).strip().lower(): float(row["logprob"])
        for row in rows or []
        if isinstance(row, Mapping) and isinstance(row.get("logprob"), int | float)
    }


def _from_pooling(rows: Any) -> dict[str, float]:
    row = rows[0] if isinstance(rows, list) and rows else None
    if not isinstance(row, Mapping):
        return {}
    values: Any = row.get("data", row.get("probs", row.get("score")))
    while isinstance(values, list) and values and isinstance(values[-1], list):
        values = values[-1]  # One row a token: the last token's is the score.
    values = values if isinstance(values, list) else [values]
    if not all(isinstance(value, int | float) for value in values):
        return {}
    if len(values) == 1:
        return {ONE: float(values[0])}
    return {f"{ONE}_{place}": float(value) for place, value in enumerate(values, start=1)}


class RewardDialect(OpenAI):
    """An endpoint that scores turns; its generations are the scores as JSON text."""

    def fit_url(self, url: str) -> str:
        """The whole URL to post to: a chat's, unless it ends in /pooling or /classify."""
        url = url.rstrip("/")
        return url if url.endswith(PATHS) else f"{super().fit_url(url)}/chat/completions"

    def known(self, model: str, url: str) -> Quirks:
        """Nothing is known of a reward model without asking."""
        return Quirks()

    def call(self, model: str, request: Request, quirks: Quirks) -> Call:
        """The turns to score."""
        messages = [turn.model_dump() for turn in request.prompt.messages]
        return Call("", {"model": model, "messages": messages})

    def generation(self, data: Mapping[str, Any]) -> Generation:
        """The scores as JSON text."""
        return Generation(text=json.dumps(scores_of(data)), finish_reason="stop")


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


ASKED = "reward"


def load_reward(model: str, options: BackendOptions | None = None) -> Backend:
    """The reward model of this name: `hf:NAME` here, `openai:NAME[@URL]` behind HTTP.

    Without a URL, HTTP means NVIDIA's endpoint.

    Raises:
        InputError: another backend.
        MissingError: a key, a package or the model is not there.
    """
    parsed, options = parse_model(model), options or BackendOptions()
    if parsed.backend == "hf":
        return LocalReward(parsed.name, options)
    if parsed.backend == "openai":
        from starprobe.bench.models.http import HttpBackend
        from starprobe.bench.models.names import providers

        dialect = RewardDialect()
        nvidia = {"name": "openai", "url": dialect.fit_url(NVIDIA)}
        provider = providers()["nvidia"].model_copy(update=nvidia)
        return HttpBackend(provider, parsed.name, parsed.url, options, dialect)
    raise InputError(
        f"{model!r} cannot be a reward model: name it hf:NAME (a sequence classifier) or "
        f"openai:NAME@URL (Nemotron's format, or vLLM's /pooling)"
    )


def reward(backend: Backend, cases: Mapping[str, Case]) -> Iterator[Judgement]:
    """Scores of these cases (by id) by one reward model, as they come."""

    def shown(name: str, case: Case) -> Prompt:
        return conversation(case.prompt, case.responses[0], name)

    return ask_about(backend, "reward", cases, shown, lambda found: {"scores": _scores(found)})


def conversation(prompt: Prompt, response: Response, name: str) -> Prompt:
    """What a reward model scores: the turns that were asked, and the visible answer as the last."""
    said = response.text or response.readable
    return Prompt(
        id=name,
        question_id=prompt.question_id,
        condition=ASKED,
        stem=prompt.stem,
        shown=(),
        messages=(*prompt.messages, Message(role="assistant", content=said)),
        text=f"{prompt.text} {said}",
    )


def _scores(generation: Generation) -> dict[str, float] | None:
    if generation.error is not None:
        return None
    try:
        found = json.loads(generation.text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not found:
        return None
    scores = {str(name): float(score) for name, score in found.items()}
    return scores if all(math.isfinite(score) for score in scores.values()) else None
