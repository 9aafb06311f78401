"""`hf:` models through transformers: a hub name, a folder, a GGUF file or a PEFT adapter folder.

What requests begin with alike (few-shot examples) is computed once. Each request samples with a
seed of its own, so that a response does not depend on what it was decoded with.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Read by GNU OpenMP when torch loads it. Threads that spin long at barriers starve each other as
# soon as anything else runs, and those that do not spin lose time on idle cores: a short spin is
# nearly the best in both places (`benchmarks/decoding.py spin` prints all three).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

from starprobe.bench.models.allocator import keep_freed_memory
from starprobe.bench.models.base import Request, plain_text
from starprobe.bench.models.decoding import Decoded, Decoder, Encoded
from starprobe.bench.models.embedded import EMBEDDED, embedded_folder, gguf_folder
from starprobe.bench.models.fingerprint import folder_fingerprint
from starprobe.bench.models.options import BackendOptions
from starprobe.bench.records import Generation, ModelInfo, ResponseError, Usage
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOO_LONG = "prompt_too_long"


def make(name: str, url: str | None, options: BackendOptions) -> HfBackend:
    """The backend for a model of transformers.

    Raises:
        InputError: a URL was given, or the path holds no model.
        MissingError: the hub cannot be reached for a name that is no path.
    """
    if url is not None:
        raise InputError(f"hf:{name} runs here and takes no URL; leave @{url} out")
    return HfBackend(name, options)


class HfBackend:
    """A causal language model of transformers in this process."""

    def __init__(self, name: str, options: BackendOptions) -> None:
        self.options = options
        self.name = name if name in EMBEDDED else f"hf:{name}"
        self.device = _device(options.device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.dtype = _dtype(options.dtype, self.device)
        self.source = resolve(name, options)
        _quiet()
        base = base_of(self.source, options)
        self.tokenizer = _load_tokenizer(self.source, base, options)
        self.model: PreTrainedModel | None = _load_model(self.source, base, options, self.dtype)
        self.model.to(self.device).eval()
        self._decoder = Decoder(self.model, self.tokenizer)

    def info(self) -> ModelInfo:
        """Name, revision and how it runs."""
        config = self._loaded().config
        return ModelInfo(
            name=self.name,
            revision=getattr(config, "_commit_hash", None) or folder_fingerprint(self.source),
            details={
                "architecture": (config.architectures or [type(self.model).__name__])[0],
                "parameters": sum(p.numel() for p in self._loaded().parameters()),
                "dtype": str(self.dtype).removeprefix("torch."),
                "device": str(self.device),
                "chat_template": self.tokenizer.chat_template is not None,
            },
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Generations as they are done, those of one kind of sampling together."""
        encoded: list[tuple[Request, Encoded]] = []
        for request in requests:
            item = self._encode(request)
            if isinstance(item, Generation):
                yield request.id, item
            else:
                encoded.append((request, item))
        for group in _kinds(encoded):
            yield from self._decode(group)

    def loglikelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Sum of log-probabilities of each continuation's tokens after its prefix."""
        found: list[float] = self._decoder.loglikelihoods(pairs, self.options.batch_size)
        return found

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The string that is tokenised for this prompt."""
        if chat is None:
            chat = self.tokenizer.chat_template is not None
        if not chat:
            return prompt.text
        messages = [message.model_dump() for message in prompt.messages]
        if self.options.system is not None:
            messages.insert(0, {"role": "system", "content": self.options.system})
        return render_chat(self.tokenizer, messages)

    def close(self) -> None:
        """Frees the weights."""
        if self.model is not None:
            self.model = None
            del self._decoder
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _loaded(self) -> PreTrainedModel:
        if self.model is None:
            raise RuntimeError(f"{self.name} was closed")
        return self.model

    def _encode(self, request: Request) -> Encoded | Generation:
        text = self.render(request.prompt, request.chat)
        ids = self._decoder.encode(text)
        limit = getattr(self._loaded().config, "max_position_embeddings", None) or 10**9
        if len(ids) + request.sampling.max_tokens > limit:
            message = (
                f"{len(ids)} prompt tokens and {request.sampling.max_tokens} to generate are more "
                f"than the model's {limit}"
            )
            return Generation(error=ResponseError(kind=TOO_LONG, message=message, permanent=True))
        if request.chat is None and self.tokenizer.chat_template is None:
            return Encoded(ids, plain_text(request.sampling))
        return Encoded(ids, request.sampling)

    def _decode(self, group: list[tuple[Request, Encoded]]) -> Iterator[tuple[str, Generation]]:
        """A group's generations; where memory runs out, again with half as many at a time."""
        size, waiting = self.options.batch_size, dict(enumerate(group))
        while waiting:
            tried = list(waiting)
            try:
                for done in self._decoder.decode([waiting[key][1] for key in tried], size):
                    request, encoded = waiting.pop(tried[done.number])
                    yield request.id, _generation(done, len(encoded.ids))
            except torch.OutOfMemoryError as error:
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                if size == 1:
                    request, _ = waiting.pop(next(iter(waiting)))
                    message = str(error).splitlines()[0]
                    failed = ResponseError(kind="out_of_memory", message=message)
                    yield request.id, Generation(error=failed)
                size = max(1, size // 2)


def _generation(done: Decoded, prompt_tokens: int) -> Generation:
    return Generation(
        text=done.text,
        finish_reason=done.finish,
        usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=done.tokens),
        latency_s=round(done.seconds, 4),
    )


def resolve(name: str, options: BackendOptions) -> Path | str:
    """What to load for a name: a folder, or a hub name.

    Raises:
        InputError: it looks like a path and there is nothing to load.
        MissingError: an embedded model that is not installed.
    """
    if name in EMBEDDED:
        return embedded_folder(name, options.cache_dir)
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return gguf_folder(path, options.cache_dir)
    if path.is_dir():
        if any((path / file).exists() for file in ("config.json", "adapter_config.json")):
            return path
        raise InputError(
            f"hf:{name}: the folder holds neither config.json nor adapter_config.json; name the "
            f"folder of a model or of an adapter"
        )
    if path.suffix == ".gguf" or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(f"hf:{name}: there is no such file or folder")
    return name


def render_chat(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, Any]]) -> str:
    """Messages as the string of the model's chat template, ending where the response begins.

    Templates without a system role (Gemma's) get the system text at the head of the first user
    turn, instead of losing it silently.
    """
    import jinja2

    kwargs: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
    try:
        return str(tokenizer.apply_chat_template(messages, **kwargs))
    except jinja2.TemplateError:
        if not messages or messages[0]["role"] != "system":
            raise
        system, first, *rest = messages
        merged = {"role": "user", "content": f"{system['content']}\n\n{first['content']}"}
        return str(tokenizer.apply_chat_template([merged, *rest], **kwargs))


def _kinds(encoded: list[tuple[Request, Encoded]]) -> list[list[tuple[Request, Encoded]]]:
    """Requests that differ in no more than their prompt and seed."""
    kinds: dict[Any, list[tuple[Request, Encoded]]] = {}
    for item in encoded:
        kinds.setdefault(item[1].sampling.model_copy(update={"seed": 0}), []).append(item)
    return list(kinds.values())


def _device(wanted: str) -> torch.device:
    if wanted != "auto":
        return torch.device(wanted)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    if wanted == "auto":
        # What a CPU computes in float32 is the same everywhere; `benchmarks/decoding.py dtype` says
        # what bfloat16 would gain on this one.
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    chosen: torch.dtype = getattr(torch, wanted)
    return chosen


def _quiet() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()


def base_of(source: Path | str, options: BackendOptions) -> Path | str:
    """The model that an adapter folder adapts; the source itself where it is no adapter.

    Raises:
        InputError: the adapter names no base, or one that is not there.
    """
    adapter = Path(source) / "adapter_config.json"
    if not adapter.is_file():
        return source
    named = options.base_model or json.loads(adapter.read_text()).get("base_model_name_or_path")
    if not named:
        raise InputError(f"{adapter} names no base model; name it with --base-model")
    return resolve(named, options)


def _load_tokenizer(
    source: Path | str, base: Path | str, options: BackendOptions
) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    has_own = (Path(source) / "tokenizer_config.json").is_file()
    chosen = source if has_own else base
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(chosen), trust_remote_code=options.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise _unloadable(chosen, error) from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    loaded: PreTrainedTokenizerBase = tokenizer
    return loaded


def _load_model(
    source: Path | str, base: Path | str, options: BackendOptions, dtype: torch.dtype
) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(base), dtype=dtype, trust_remote_code=options.trust_remote_code
        )
        if base != source:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(source)).merge_and_unload()
    except (OSError, ValueError) as error:
        raise _unloadable(base, error) from None
    loaded: PreTrainedModel = model
    return loaded


def _unloadable(source: Path | str, error: Exception) -> InputError | MissingError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(source, Path) or os.path.isdir(source):
        return InputError(f"{source} holds no model that transformers loads: {reason}")
    return MissingError(
        f"hf:{source} is neither a folder here nor to be had from the hub ({reason}); "
        f"check the name and the network, or HF_HUB_OFFLINE"
    )
