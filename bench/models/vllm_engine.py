"""The engine's side of `vllm:`, run as a process: settings and requests in, generations out.

Speaks JSON lines on its standard input and output; everything that vLLM prints goes to its standard
error instead.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from starprobe.bench.line_process import heard, speaker
from starprobe.bench.models.base import plain_text
from starprobe.bench.models.reasoning import split_reasoning
from starprobe.bench.records import FinishReason, Generation, ResponseError, Sampling, Usage

if TYPE_CHECKING:
    from vllm import LLM

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The LoRA ranks that vLLM reserves room for."""
FINISH: dict[str | None, FinishReason] = {"stop": "stop", "length": "length"}


def main() -> None:
    """Serves until its input ends."""
    send, rows = speaker(), heard()
    settings = next(rows)
    try:
        engine = Engine(settings)
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        send({"failed": said[0]})
        raise SystemExit(1) from error
    send({"ready": engine.details()})
    for row in rows:
        for request_id, generation in engine.generate(row["requests"]):
            send({"id": request_id, "generation": generation.model_dump(exclude_defaults=True)})


class Engine:
    """One loaded model."""

    def __init__(self, settings: dict[str, Any]) -> None:
        import vllm
        from vllm.platforms import current_platform

        adapter = settings.pop("adapter", None)
        lora: dict[str, Any] = {}
        if adapter is not None:
            rank = next(rank for rank in RANKS if rank >= adapter["rank"])
            lora = {"enable_lora": True, "max_loras": 1, "max_lora_rank": rank}
        self.on_cpu = current_platform.is_cpu()
        settings["max_model_len"] = _fitting_length(settings)
        self.llm: LLM = vllm.LLM(
            **settings,
            **lora,
            enable_prefix_caching=True,
            # A model's own generation defaults would change the sampling unasked.
            generation_config="vllm",
            # Compiling for the CPU takes longer than what it saves here.
            enforce_eager=self.on_cpu,
        )
        self.tokenizer = self.llm.get_tokenizer()
        self.adapter = None
        if adapter is not None:
            from vllm.lora.request import LoRARequest

            self.adapter = LoRARequest(adapter["name"], 1, adapter["path"])
        self._count = 0

    def details(self) -> dict[str, Any]:
        """What is worth recording of how it runs."""
        import vllm

        config = self.llm.llm_engine.model_config
        return {
            "vllm": vllm.__version__,
            "dtype": str(config.dtype).removeprefix("torch."),
            "device": "cpu" if self.on_cpu else "cuda",
            "max_model_len": config.max_model_len,
            "chat_template": self._has_chat(),
            "adapter": self.adapter.lora_name if self.adapter else None,
            "revision": getattr(config.hf_config, "_commit_hash", None),
        }

    def generate(self, requests: list[dict[str, Any]]) -> Iterator[tuple[str, Generation]]:
        """Generations as they finish; repeats of one prompt go in as one request for n samples."""
        owners: dict[str, list[str]] = {}
        sizes: dict[str, int] = {}
        start = time.perf_counter()
        if self.on_cpu:
            _seed_process(requests)
        for group in _groups(requests):
            ids = self._encode(group[0])
            sampling = self._sampling(group[0])
            names = [request["id"] for request in group]
            limit = self.llm.llm_engine.model_config.max_model_len
            if len(ids) + sampling.max_tokens > limit:
                for name in names:
                    yield name, _too_long(len(ids), sampling.max_tokens, limit)
                continue
            key = self._submit(ids, sampling, 1 if sampling.temperature == 0 else len(names))
            owners[key], sizes[key] = names, len(ids)
        while self.llm.llm_engine.has_unfinished_requests():
            for output in self.llm.llm_engine.step():
                if not output.finished:
                    continue
                elapsed = round(time.perf_counter() - start, 4)
                names = owners.pop(output.request_id)
                samples = list(output.outputs)
                # Greedy repeats are one and the same.
                samples *= len(names) if len(samples) == 1 else 1
                for name, sample in zip(names, samples, strict=True):
                    yield name, _generation(sample, sizes[output.request_id], elapsed)

    def _has_chat(self) -> bool:
        return getattr(self.tokenizer, "chat_template", None) is not None

    def _sampling(self, request: dict[str, Any]) -> Sampling:
        sampling = Sampling.model_validate(request["sampling"])
        plain = request["chat"] is None and not self._has_chat()
        return plain_text(sampling) if plain else sampling

    def _submit(self, ids: list[int], sampling: Sampling, count: int) -> str:
        from vllm import SamplingParams
        from vllm.inputs import TokensPrompt
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            n=count,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop),
            seed=None if self.on_cpu else sampling.seed,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        self._count += 1
        key = str(self._count)
        prompt = TokensPrompt(prompt_token_ids=ids)
        self.llm.llm_engine.add_request(key, prompt, params, lora_request=self.adapter)
        return key

    def _encode(self, request: dict[str, Any]) -> list[int]:
        from starprobe.bench.models.hf import render_chat

        chat = self._has_chat() if request["chat"] is None else request["chat"]
        text = request["text"]
        if chat:
            text = render_chat(self.tokenizer, request["messages"])
        bos = self.tokenizer.bos_token
        ids: list[int] = self.tokenizer(
            text, add_special_tokens=not (bos and text.startswith(bos))
        )["input_ids"]
        return ids


def _seed_process(requests: list[dict[str, Any]]) -> None:
    """Seeds the process by the seeds of a batch: vLLM's sampler for the CPU fails with one each.

    ("CPU Generator does not use offset.") The same batch gives the same samples, as far as the
    engine schedules it alike; a row asked for in another batch gives another one.
    """
    import torch

    seeds = json.dumps([request["sampling"]["seed"] for request in requests])
    torch.manual_seed(int.from_bytes(hashlib.sha256(seeds.encode()).digest()[:4], "big"))


def _groups(requests: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Requests that differ in nothing but their seed, together; the first one's seed is used."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for request in requests:
        same = {key: value for key, value in request.items() if key not in {"id", "sampling"}}
        same["sampling"] = {k: v for k, v in request["sampling"].items() if k != "seed"}
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(request)
    return list(groups.values())


def _generation(sample: Any, prompt_tokens: int, elapsed: float) -> Generation:
    parts = split_reasoning(sample.text)
    return Generation(
        text=parts.text,
        reasoning=parts.reasoning,
        finish_reason=FINISH.get(sample.finish_reason, "other"),
        usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=len(sample.token_ids)),
        latency_s=elapsed,
    )


def _too_long(prompt_tokens: int, max_tokens: int, limit: int) -> Generation:
    message = (
        f"{prompt_tokens} prompt tokens and {max_tokens} to generate are more than the engine's "
        f"{limit} (max_model_len)"
    )
    return Generation(error=ResponseError(kind="prompt_too_long", message=message, permanent=True))


def _fitting_length(settings: dict[str, Any]) -> int:
    """The context wanted, or the model's own where that is less."""
    from transformers import AutoConfig

    wanted = int(settings["max_model_len"])
    config = AutoConfig.from_pretrained(
        settings["model"], trust_remote_code=settings["trust_remote_code"]
    )
    return min(wanted, getattr(config, "max_position_embeddings", None) or wanted)


if __name__ == "__main__":
    main()
