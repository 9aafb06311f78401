"""When a row of generated tokens is at its end: an end-of-text token, or a stop string.

Knows a tokenizer and no model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNSURE = "\ufffd"
"""What half a character decodes to."""


class Stops:
    """Says of generated tokens whether the last one ends the response."""

    def __init__(
        self, strings: Sequence[str], tokenizer: PreTrainedTokenizerBase, ends: Collection[int]
    ) -> None:
        self._strings, self._tokenizer = strings, tokenizer
        self._ends = frozenset(ends)
        self._last = {string[-1] for string in strings if string}
        self._may: dict[int, bool] = {}

    def ended(self, ids: list[int]) -> bool:
        """Whether the last of the tokens ends the text, given that none before it did."""
        if ids[-1] in self._ends:
            return True
        if not self._last or not self._may_complete(ids[-1]):
            return False
        text = str(self._tokenizer.decode(ids, skip_special_tokens=True))
        return any(string in text for string in self._strings)

    def _may_complete(self, token: int) -> bool:
        """Whether the token holds the last character of a stop string; decoding is slow."""
        if token not in self._may:
            text = str(self._tokenizer.decode([token]))
            self._may[token] = UNSURE in text or not self._last.isdisjoint(text)
        return self._may[token]
