"""Reading on a Ray cluster: parts of a file as a batch map of Ray Data, an actor a core or a GPU.

The parts are those of `classify --shard`, whole or gone on with, in a folder that all machines see;
Ray hands out their numbers, and no texts travel. Knows no reader by name.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starprobe.bench.read import classify_part
from starprobe.bench.readers import DEFAULT_READER, load_reader
from starprobe.bench.shards import Shard, merge
from starprobe.probes.errors import FolderError, InputError, MissingError, UserError

if TYPE_CHECKING:
    import numpy as np

PART = 64 << 20
"""Bytes of a part, where that makes enough of them for all actors."""


def classify_on_ray(
    source: Path,
    out: Path,
    reader: str = DEFAULT_READER,
    actors: int = 0,
    tick: Callable[[int], None] | None = None,
) -> int:
    """Reads every line of a file on a Ray cluster; gives the number of verdicts in `out`.

    `out` is what one process would write, to the byte. Its parts stand in a folder beside it until
    all are whole; after a kill the same call goes on with them. The cluster is that of RAY_ADDRESS;
    without one it is this machine.

    Args:
        source: as `classify_file` reads it, where all machines see it.
        out: JSONL of verdicts, in labels.
        reader: a reader's name; not a judge, which waits for its server and not for a core.
        actors: how many read; 0 is one a GPU for a reader that uses one, else one a core.
        tick: is told how many verdicts are there after each part.

    Raises:
        MissingError: Ray is not installed.
        InputError: a line that cannot be read, or a reader that is a judge or not there.
        FolderError: `out` is there, or a part holds something else.
    """
    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
    except ImportError:
        raise MissingError("--ray needs Ray: pip install 'starprobe[ray]'") from None
    if "judge:" in reader:
        raise InputError(f"--ray has cores and GPUs read, and {reader!r} asks a server; leave it")
    if out.exists():
        raise FolderError(f"{out} is there already; name another -o")
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    on_gpu = not load_reader(reader).parallel
    ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    DataContext.get_current().enable_progress_bars = False
    there = ray.cluster_resources()
    gpus = int(there.get("GPU", 0)) if on_gpu else 0
    folder = out.with_name(f"{out.name}.parts").resolve()
    least = actors or gpus or max(1, int(there.get("CPU", 1)))
    of = _begun(folder) or max(4 * least, source.stat().st_size // PART)
    done = 0
    # Not `range`, whose reading tasks want a core beside the actors.
    parts = ray.data.from_items([{"part": n} for n in range(1, of + 1)], override_num_blocks=of)
    found = parts.map_batches(
        _Part,
        fn_constructor_args=(source.resolve(), folder, reader, of),
        batch_size=1,
        compute=ActorPoolStrategy(size=min(of, least)),
        num_cpus=1,
        num_gpus=1 if gpus else 0,
    )
    for row in found.iter_rows():
        if row["failed"]:
            raise InputError(row["failed"])
        done += int(row["verdicts"])
        if tick is not None:
            tick(done)
    merge(folder, out)
    shutil.rmtree(folder)
    return done


def _begun(folder: Path) -> int:
    """Into how many parts the file was cut before; 0 where it was not."""
    names = (re.fullmatch(r"shard-\d+-of-(\d+)\.jsonl", path.name) for path in folder.glob("*"))
    return next((int(name[1]) for name in names if name is not None), 0)


class _Part:
    """An actor: a reader, loaded once, that reads parts by their numbers."""

    def __init__(self, source: Path, folder: Path, reader: str, of: int) -> None:
        self._source, self._folder, self._of = source, folder, of
        self._reader = load_reader(reader)

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
        verdicts, failed = [], []
        for number in batch["part"]:
            shard, count, said = Shard(int(number), self._of), 0, ""
            try:
                count = classify_part(self._source, self._folder, shard, self._reader)
            except UserError as error:
                said = str(error)
            verdicts.append(count)
            failed.append(said)
        return {"verdicts": verdicts, "failed": failed}
