"""What a page calls the models of its runs: short, and told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bench.metrics.frames import key
from bench.storage import Run

SIDE = " · "
"""Between a word that tells runs apart and the name of a model."""


def telling_names(runs: Sequence[Run]) -> list[str]:
    """The folder's name before models that occur in more than one run; else nothing."""
    seen = Counter(model.name for run in runs for model in run.info.models)
    doubled = {name for name, count in seen.items() if count > 1}
    folders = [run.path.resolve().name for run in runs]
    if len(set(folders)) < len(folders):
        folders = [str(run.path) for run in runs]
    return [
        folder if any(model.name in doubled for model in run.info.models) else ""
        for run, folder in zip(runs, folders, strict=True)
    ]


def short_names(models: Iterable[str]) -> dict[str, str]:
    """Model -> its name as a page shows it: a path loses the folders that tell nothing.

    `hf:./demo/training/iteration_001/adapter` becomes `hf:…/iteration_001/adapter`, or as
    much more of it as sets it apart from another model's. The methods section names all of it.
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


def shown_name(word: str, model: str) -> str:
    return key(f"{word}{SIDE}{model}" if word else model)


def in_run_order(
    runs: Sequence[Run], words: Sequence[str], short: Mapping[str, str], there: set[str]
) -> tuple[str, ...]:
    named = [
        shown_name(word, short[model.name])
        for run, word in zip(runs, words, strict=True)
        for model in run.info.models
    ]
    return tuple(dict.fromkeys([*(name for name in named if name in there), *sorted(there)]))
