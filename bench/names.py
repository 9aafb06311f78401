"""What a page or a table calls models: as short as tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def short_names(models: Iterable[str]) -> dict[str, str]:
    """Model -> its name as a page or a table shows it: a path loses the folders that tell nothing.

    `hf:./demo/training/iteration_001/adapter` becomes `hf:…/iteration_001/adapter`, or as
    much more of it as sets it apart from another model's. Files, and a page's methods section,
    name all of it.
    """
    names = list(dict.fromkeys(models))
    short = {name: name for name in names}
    for kept in range(2, 12):
        cut = {name: _last_parts(name, kept) for name in names}
        seen = Counter(cut.values())
        short |= {
            name: value
            for name, value in cut.items()
            if short[name] == name and seen[value] == 1 and len(value) < len(name)
        }
    return short


def _last_parts(model: str, kept: int) -> str:
    """The model with only the last parts of its path, where it is one on this machine."""
    backend, colon, path = model.partition(":")
    parts = path.rstrip("/").split("/")
    local = path.startswith(("/", ".", "~")) or len(parts) > 2
    if not colon or "@http" in path or not local or len(parts) <= kept:
        return model
    return f"{backend}:…/{'/'.join(parts[-kept:])}"
