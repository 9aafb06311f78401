"""Readers of responses: what each option of a question is given in a text, and what is answered."""

from __future__ import annotations

from starprobe.bench.readers.base import (
    ErrorCounts,
    Reader,
    Reading,
    error_counts,
    measured,
    read_one,
)
from starprobe.bench.readers.loading import DEFAULT_READER, READERS, load_reader

__all__ = [
    "DEFAULT_READER",
    "READERS",
    "ErrorCounts",
    "Reader",
    "Reading",
    "error_counts",
    "load_reader",
    "measured",
    "read_one",
]
