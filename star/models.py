"""Which model samples and which weights are trained; one of them in memory at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

from starprobe.bench.models import BackendOptions, load_backend, parse_model, vllm
from starprobe.bench.models.base import Backend
from starprobe.bench.models.weights import EMBEDDED, embedded_folder, gguf_folder
from starprobe.probes.errors import InputError
from starprobe.star.config import StarConfig

BackendLoader = Callable[[str, BackendOptions], Backend]
TRAINABLE = ("hf", "vllm")
"""Backends whose names are weights that can be trained."""


def base_weights(model: str) -> str:
    """What `from_pretrained` takes for a model's name: a folder, or a hub name.

    Raises:
        InputError: a model behind a server, whose weights are not ours to train.
    """
    parsed = parse_model(model)
    if parsed.backend not in TRAINABLE or parsed.url is not None:
        raise InputError(
            f"{model!r} cannot be trained: only weights on this machine can; name it "
            f"hf:NAME, hf:FOLDER or smollm2"
        )
    if parsed.name in EMBEDDED:
        return str(embedded_folder(parsed.name))
    path = Path(parsed.name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return str(gguf_folder(path))
    if (path / "adapter_config.json").is_file():
        raise InputError(f"{model!r} is an adapter; merge it into its base first, then train that")
    return str(path) if path.is_dir() else parsed.name


def sampling_backend(config: StarConfig) -> str:
    """What samples: as the configuration says, else vLLM where it can run here."""
    named = config.machine.backend or parse_model(config.model).backend
    if not config.machine.backend and named == "hf" and vllm.usable(config.machine.device):
        return "vllm"
    return named


def sampling_name(config: StarConfig, weights: Path | None) -> str:
    """The backend's name for the model that samples: the base, or trained weights.

    Raises:
        InputError: the configuration's backend cannot serve weights of this machine.
    """
    parsed = parse_model(config.model)
    backend = sampling_backend(config)
    if backend not in TRAINABLE:
        raise InputError(f"backend={backend} cannot serve trained weights; take hf or vllm")
    if weights is not None:
        return f"{backend}:{weights}"
    if backend == parsed.backend:
        return config.model
    return f"{backend}:{parsed.name}"


class Models:
    """Keeps the backend that was asked for last; the one before is closed first."""

    def __init__(self, config: StarConfig, load: BackendLoader = load_backend) -> None:
        self._config = config
        self._load = load
        self._name: str | None = None
        self._backend: Backend | None = None

    def get(self, weights: Path | None) -> Backend:
        """The backend that serves these weights; the base model for None."""
        name = sampling_name(self._config, weights)
        if self._backend is None or name != self._name:
            self.close()
            self._backend = self._load(name, self._options(weights))
            self._name = name
        return self._backend

    def close(self) -> None:
        """Frees the memory of whatever is loaded."""
        if self._backend is not None:
            self._backend.close()
            self._backend, self._name = None, None
            gc.collect()

    def _options(self, weights: Path | None) -> BackendOptions:
        config = self._config
        is_adapter = weights is not None and (weights / "adapter_config.json").exists()
        return BackendOptions(
            batch_size=config.machine.batch_size,
            dtype=config.machine.dtype,
            device=config.machine.device,
            workers=config.machine.sampling_workers,
            base_model=parse_model(config.model).name if is_adapter else None,
        )
