"""The numbers of a run's responses as columns, kept as Parquet beside the verdicts they come from.

`verdicts.NAME.parquet` holds the columns of a frame that are numbers and ids: prompt, verdict and
score of each response, without its texts. It is made once for each state of the folder and read by
every command after that; where pyarrow is not installed the columns are made each time. Other
programs may read it too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from starprobe.bench.run_folder import Run

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMAT = 1
"""Raised whenever a column comes to mean something else."""
_STATE = b"starprobe"


def stored(
    run: Run, reader: str, kinds: Mapping[str, str], make: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """The columns of one reader's verdicts: from the file, or made and written.

    Args:
        run: the folder.
        reader: as in verdicts.NAME.jsonl.
        kinds: column -> dtype of the table.
        make: makes them of the folder's lines.
    """
    if find_spec("pyarrow") is None:
        return make()
    path, state = run.path / f"verdicts.{reader}.parquet", _state(run, reader, kinds)
    if path.exists():
        found = _read(path, state, kinds)
        if found is not None:
            return found
    table = make()
    _write(path, state, table, kinds)
    return table


def _state(run: Run, reader: str, kinds: Mapping[str, str]) -> bytes:
    """What the columns are made of, as it is now."""
    names = ("run", "prompts", "responses", f"verdicts.{reader}", "judgements")
    files = [run.path / f"{name}.json{'' if name == 'run' else 'l'}" for name in names]
    stats = [(one.stat().st_size, one.stat().st_mtime_ns) if one.exists() else () for one in files]
    return json.dumps([FORMAT, kinds, stats]).encode()


def _write(path: Path, state: bytes, table: pd.DataFrame, kinds: Mapping[str, str]) -> None:
    """Writes the columns; not where the folder cannot be written, or names are no Unicode."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        arrow = pa.table({name: _column(table[name], kind) for name, kind in kinds.items()})
        pq.write_table(arrow.replace_schema_metadata({_STATE: state}), partial, compression="zstd")
        partial.replace(path)
    except (OSError, UnicodeEncodeError):
        partial.unlink(missing_ok=True)


def _column(values: pd.Series[Any], kind: str) -> pa.Array:
    import pyarrow as pa

    if kind != "object":
        return pa.array(values)
    return pa.array(values.to_numpy(), type=pa.string(), from_pandas=True)


def _read(path: Path, state: bytes, kinds: Mapping[str, str]) -> pd.DataFrame | None:
    """The columns, or None where they are of another state of the folder, or damaged."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = [name for name, kind in kinds.items() if kind == "object"]
    try:
        if (pq.read_schema(path).metadata or {}).get(_STATE) != state:
            return None
        arrow = pq.read_table(path, read_dictionary=words, memory_map=False)
    except (OSError, pa.ArrowInvalid):
        return None
    columns = {
        name: pd.Series(_words(arrow.column(name)), dtype=object)
        if name in words
        else arrow.column(name).to_pandas()
        for name in kinds
    }
    return pd.DataFrame(columns).astype(dict(kinds))


def _words(column: pa.ChunkedArray) -> np.ndarray:
    """Python strings and None, equal ones kept once."""
    whole = column.unify_dictionaries().combine_chunks()
    words = np.array([*whole.dictionary.to_pylist(), None], dtype=object)
    codes = whole.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(words[codes], dtype=object)
