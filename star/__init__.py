"""TEACH: the STaR loop. Sample, check, rationalize, filter, fine-tune from the base, repeat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starprobe.star.config import StarConfig, make_config, presets
from starprobe.star.folder import Training

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["StarConfig", "Training", "make_config", "presets", "train"]


def train(config: StarConfig, out: Path | str, console: Console | None = None) -> Training:
    """Runs the loop, or goes on with it; gives the training folder.

    Args:
        config: from `make_config`.
        out: the training folder; of the same configuration if it is there.
        console: where progress is shown; nothing is shown for None.

    Raises:
        UserError: what the user can cure; nothing is lost by it.
    """
    from starprobe.bench.progress import line
    from starprobe.star.loop import PHASES
    from starprobe.star.loop import train as run

    if console is None:
        return run(config, out)
    with line(console, PHASES) as watcher:
        return run(config, out, watcher=watcher)
