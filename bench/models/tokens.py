"""A prompt as the token ids that a local model is asked with, and its token ids as text again.

The one place for both: transformers, vLLM and the fine-tune begin with the very same ids, and end a
response at the very same tokens. Knows a tokenizer and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.bench.models.base import Request, merged_system, plain_text, turns
from starprobe.bench.models.thinking import MARKS
from starprobe.bench.records import FinishReason, Generation, ResponseError, Sampling
from starprobe.probes.schema import Message, Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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
