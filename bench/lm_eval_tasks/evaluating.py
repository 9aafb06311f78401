"""Tasks of the harness on one model, document by document, so that two models can be paired."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starprobe.bench.models import BackendOptions, load_backend
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager


class DocumentScore(Record):
    """What a task's metric says of one document."""

    task: str
    metric: str
    document: str
    value: float


def evaluate(
    model: str,
    tasks: Sequence[str],
    include_path: Path | str | None = None,
    limit: int | None = None,
    options: BackendOptions | None = None,
) -> list[DocumentScore]:
    """Every score of every document.

    Args:
        model: `lm-eval:KIND,key=value,...`.
        tasks: names, or groups of them.
        include_path: a folder of task YAML; only its tasks are known then.
        limit: documents of each task at most, the first ones.
        options: batch size and device.

    Raises:
        InputError: an unknown task, or a model that cannot be loaded.
        MissingError: the harness is not installed, or a task's data cannot be reached.
    """
    manager = task_manager(tasks, include_path)
    from lm_eval import simple_evaluate

    backend = load_backend(model, options)
    try:
        found = simple_evaluate(
            model=getattr(backend, "lm", None),
            tasks=list(tasks),
            task_manager=manager,
            limit=limit,
            log_samples=True,
            bootstrap_iters=0,
            apply_chat_template=bool(backend.info().details.get("chat_template")),
        )
    except (ConnectionError, OSError) as error:
        said = str(error).strip().splitlines()[0]
        raise MissingError(
            f"the data of {', '.join(tasks)} cannot be reached ({said}); name a folder of tasks "
            f"whose data are local"
        ) from None
    finally:
        backend.close()
    return list(scores_of(found["samples"]))


def task_manager(tasks: Sequence[str], include_path: Path | str | None = None) -> TaskManager:
    """The harness's index of tasks, with all of these in it.

    Raises:
        InputError: an unknown task, or no such folder.
        MissingError: the harness is not installed.
    """
    try:
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError as error:
        raise MissingError(
            f"lm-eval tasks need the package {error.name!r}: pip install 'starprobe[lm-eval]'"
        ) from None
    if include_path is not None and not Path(include_path).is_dir():
        raise InputError(f"{include_path}: no such folder of lm-eval tasks")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    path = str(include_path) if include_path is not None else None
    manager = TaskManager(include_path=path, include_defaults=include_path is None)
    unknown = [name for name in tasks if not manager.match_tasks([name])]
    if unknown:
        where = include_path or "lm-eval's own tasks"
        raise InputError(f"no task {unknown[0]!r} in {where}")
    return manager


def scores_of(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[DocumentScore]:
    """The numbers of the harness's samples; metrics that are no number for a document are not."""
    for task, rows in samples.items():
        for row in rows:
            way = row.get("filter", "none")
            for metric in row.get("metrics", ()):
                value = row.get(metric)
                if isinstance(value, int | float) and math.isfinite(value):
                    yield DocumentScore(
                        task=task,
                        metric=metric if way == "none" else f"{metric},{way}",
                        document=str(row["doc_id"]),
                        value=float(value),
                    )
