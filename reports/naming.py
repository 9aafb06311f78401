"""What a page calls the models of its runs: short, and told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from starprobe.bench.frames import key
from starprobe.bench.run_folder import Run

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
