"""Sampling workers as Ray actors, on this machine or on a cluster (RAY_ADDRESS names it).

What the workers load must be on every machine: the package with its models, and the training folder
on a shared file system, since later iterations sample with adapters that lie there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from starprobe.bench.models import BackendOptions
from starprobe.probes.errors import InputError, MissingError
from starprobe.star.sharding import Ended, Row

PASSED_ON = ("HF_HUB_OFFLINE", "STARPROBE_CACHE", "TOKENIZERS_PARALLELISM")
"""Variables that workers on other machines see too."""


class Actor:
    """What runs in each Ray worker; rows cross as JSON."""

    def __init__(self, model: str, options: str) -> None:
        self._model, self._options = model, options
        self._server: Any = None

    def ready(self) -> str:
        """Loads the model; who answers, or the error that a user can cure."""
        from starprobe.probes.errors import UserError
        from starprobe.star.shard_server import Server

        try:
            self._server = Server(self._model, json.loads(self._options))
        except UserError as error:
            return json.dumps({"error": str(error), "kind": type(error).__name__})
        return json.dumps(self._server.ready())

    def answer(self, row: str) -> Iterator[str]:
        """The rows that answer one."""
        for one in self._server.answer(json.loads(row)):
            yield json.dumps(one)


class RayWorker:
    """The owner's side of one actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._loading = actor.ready.remote()

    def ready(self) -> Row:
        """Waits until its model is loaded."""
        import ray

        from starprobe.star.launch import user_error

        try:
            row: dict[str, Any] = json.loads(ray.get(self._loading))
        except ray.exceptions.RayError as error:
            raise Ended(_said(error)) from None
        if "error" in row:
            raise user_error(row)
        return row

    def call(self, row: Row) -> Iterator[Row]:
        """Its answers, as they come."""
        import ray

        try:
            rows = self._actor.answer.options(num_returns="streaming").remote(json.dumps(row))
            for reference in rows:
                answer: dict[str, Any] = json.loads(ray.get(reference))
                if "done" in answer:
                    return
                yield answer
        except ray.exceptions.RayError as error:
            raise Ended(_said(error)) from None

    def close(self) -> None:
        """Ends it."""
        import ray

        with suppress(Exception):
            ray.kill(self._actor)


def start_ray(model: str, options: BackendOptions, count: int) -> list[RayWorker]:
    """So many workers, a GPU each where the cluster has any; Ray is started where it is not.

    Raises:
        MissingError: Ray is not installed, or its cluster cannot be reached.
        InputError: the cluster has too little for so many.
    """
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingError("sampling_on=ray needs Ray: pip install 'starprobe[ray]'") from None
    if not ray.is_initialized():
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="WARNING")
        except (ConnectionError, ValueError) as error:
            raise MissingError(f"Ray's cluster cannot be reached: {_said(error)}") from None
    have = ray.cluster_resources()
    kind = "GPU" if have.get("GPU") else "CPU"
    if count > have.get(kind, 0):
        raise InputError(
            f"sampling_workers={count}, but Ray's cluster has {have.get(kind, 0):.0f} {kind}s"
        )
    needs = {"num_gpus": 1} if kind == "GPU" else {"num_cpus": 1}
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    remote = ray.remote(Actor).options(**needs, runtime_env={"env_vars": passed})
    return [RayWorker(remote.remote(_absolute(model), _options(options))) for _ in range(count)]


def _absolute(model: str) -> str:
    """The name with a path that holds wherever the worker runs."""
    backend, colon, name = model.partition(":")
    return f"{backend}:{Path(name).resolve()}" if colon and Path(name).is_dir() else model


def _options(options: BackendOptions) -> str:
    base = options.base_model
    if base and Path(base).is_dir():
        options = options.model_copy(update={"base_model": str(Path(base).resolve())})
    return options.model_dump_json()


def _said(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"ended: {(lines or [type(error).__name__])[-1][:300]}"
