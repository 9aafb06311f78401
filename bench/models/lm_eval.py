"""`lm-eval:` any model of the lm-evaluation-harness, behind our interface or at its own tasks.

`lm-eval:hf,pretrained=gpt2,dtype=float32`: a name of its registry, then its arguments. What the
harness does not keep (finish reason, token counts, thinking apart) stays unknown here too. Its
tasks are scored document by document, so that two models can be paired.
"""

from __future__ import annotations

import inspect
import logging
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starprobe.bench.models import opened
from starprobe.bench.models.backend import BackendOptions, Request, plain_text, turns
from starprobe.bench.models.local import EMBEDDED, device_of, embedded_folder, fingerprint
from starprobe.bench.models.names import public_url, redact
from starprobe.bench.records import Generation, ModelInfo, ResponseError
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

BATCHES = 8
"""Batches handed over at once: the harness sorts by length inside of what it is given."""
log = logging.getLogger("starprobe.bench.lm_eval")


def make(name: str, url: str | None, options: BackendOptions) -> LmEvalBackend:
    """The backend for a model of the harness.

    Raises:
        InputError: the harness has no such model, or refuses its arguments.
        MissingError: a package that the model needs is not installed.
    """
    return LmEvalBackend(name, url, options)


class LmEvalBackend:
    """One model of the harness, in this process."""

    def __init__(self, name: str, url: str | None, options: BackendOptions) -> None:
        self.name = f"lm-eval:{name}" + (f"@{public_url(url)}" if url else "")
        self.options = options
        self.kind, _, self.arguments = name.partition(",")
        self.url = url
        arguments = _arguments(self.kind, self.arguments, url, options)
        files = arguments.get("pretrained")
        self._fingerprint = fingerprint(files) if isinstance(files, str) else None
        self.lm: LM | None = _load(self.kind, arguments)
        """The harness's own model, for its own tasks; None once closed."""
        self._chat = _has_chat(self.lm)
        self._sent: list[dict[str, Any]] = []

    def info(self) -> ModelInfo:
        """Name, endpoint and the harness's version; the revision where the harness knows it."""
        details: dict[str, Any] = {
            "engine": f"lm-eval {version('lm_eval')}",
            "chat_template": self._chat,
        }
        if self._sent:
            details["sent"] = self._sent
        said: dict[str, Any] = {}
        if self.lm is not None and hasattr(self.lm, "get_model_info"):
            said = self.lm.get_model_info()
        return ModelInfo(
            name=self.name,
            revision=str(said.get("model_sha") or "") or self._fingerprint,
            endpoint=public_url(self.url) if self.url else None,
            details=details,
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Generations a few batches at a time; one that fails does not take the others along."""
        size = max(1, self.options.batch_size) * BATCHES
        for start in range(0, len(requests), size):
            yield from self._generate(list(requests[start : start + size]))

    def close(self) -> None:
        """Lets go of the model."""
        self.lm = None

    def _generate(self, requests: list[Request]) -> Iterator[tuple[str, Generation]]:
        start = time.perf_counter()
        try:
            texts = self._texts(requests)
        except Exception as error:
            # One exhausted request ends a whole call of the harness: find out which one it was.
            log.info("the harness failed on %d requests: %s", len(requests), error)
            if len(requests) > 1:
                half = len(requests) // 2
                yield from self._generate(requests[:half])
                yield from self._generate(requests[half:])
                return
            message = redact(f"{type(error).__name__}: {error}")[:300]
            yield (
                requests[0].id,
                Generation(error=ResponseError(kind="lm_eval", message=message)),
            )
            return
        elapsed = round(time.perf_counter() - start, 4)
        for request, text in zip(requests, texts, strict=True):
            yield request.id, Generation(text=str(text), latency_s=elapsed)

    def _texts(self, requests: list[Request]) -> list[str]:
        from lm_eval.api.instance import Instance

        if self.lm is None:
            raise RuntimeError(f"{self.name} was closed")
        instances = [
            Instance(
                request_type="generate_until",
                doc={},
                arguments=(self._render(request), self._sampling(request)),
                idx=0,
                metadata=(None, None, None),
            )
            for request in requests
        ]
        quiet = "disable_tqdm" in inspect.signature(self.lm.generate_until).parameters
        _seed(requests[0].sampling.seed)
        texts: list[str] = self.lm.generate_until(
            instances, **({"disable_tqdm": True} if quiet else {})
        )
        return texts

    def _render(self, request: Request) -> str:
        chat = self._chat if request.chat is None else request.chat
        if not chat or self.lm is None:
            return request.prompt.text
        messages = [turn.model_dump() for turn in turns(request.prompt, self.options.system)]
        rendered: str = self.lm.apply_chat_template(messages)
        return rendered

    def _sampling(self, request: Request) -> dict[str, Any]:
        from lm_eval.models.api_models import TemplateAPI

        sampling = request.sampling
        if request.chat is None and not self._chat:
            sampling = plain_text(sampling)
        asked: dict[str, Any] = {
            "until": list(sampling.stop),
            "max_gen_toks": sampling.max_tokens,
            "do_sample": sampling.temperature > 0,
        }
        if sampling.temperature > 0:
            asked |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if isinstance(self.lm, TemplateAPI):
            # The harness sends one and the same seed for every repeat unless it is told.
            asked["seed"] = sampling.seed
        sent = asked | ({"seed": "one a response"} if "seed" in asked else {})
        if sent not in self._sent:
            self._sent.append(sent)
        return asked


def _load(kind: str, arguments: dict[str, Any]) -> LM:
    # The harness looks its own models up only where nobody has registered another one before.
    import lm_eval.models  # noqa: F401
    from lm_eval.api.registry import get_model

    try:
        model = get_model(kind)
    except (ValueError, KeyError) as error:
        raise InputError(
            f"lm-eval has no model {kind!r}; name it lm-eval:KIND,key=value,... with a KIND of its "
            f"registry, such as hf or local-completions"
        ) from error
    if kind.startswith("hf"):
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
    try:
        loaded: LM = model.create_from_arg_obj(arguments)
    except ModuleNotFoundError as error:
        said = f"the package {error.name!r}" if error.name else str(error).splitlines()[0]
        raise MissingError(
            f"lm-eval:{kind} misses something ({said}); for models behind an API: "
            f"pip install 'lm-eval[api]'"
        ) from None
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"lm-eval:{kind} cannot be loaded: {redact(said)}") from None
    return loaded


def _arguments(kind: str, text: str, url: str | None, options: BackendOptions) -> dict[str, Any]:
    """The harness's arguments, with the embedded models' names resolved and our batch size."""
    from lm_eval.utils import simple_parse_args_string

    arguments: dict[str, Any] = {"batch_size": 1 if url else options.batch_size}
    if options.device != "auto" or kind.startswith("hf"):
        arguments["device"] = device_of(options.device)
    arguments |= simple_parse_args_string(text)
    if url is not None:
        arguments["base_url"] = url
    if arguments.get("pretrained") in EMBEDDED:
        folder = embedded_folder(arguments["pretrained"], options.cache_dir)
        arguments["pretrained"] = str(folder)
    return arguments


def _has_chat(model: LM) -> bool:
    """Whether the model is made for chat: its tokenizer has a template, or its API takes turns."""
    tokenizer: Any = getattr(model, "tokenizer", None)
    if hasattr(tokenizer, "chat_template"):
        return tokenizer.chat_template is not None
    try:
        model.apply_chat_template([{"role": "user", "content": "hello"}])
    except Exception:
        return False
    return True


def _seed(seed: int) -> None:
    """The harness's local models draw from torch's own generator."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


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

    with opened(model, options) as backend:
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
                f"the data of {', '.join(tasks)} cannot be reached ({said}); name a folder of "
                f"tasks whose data are local"
            ) from None
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
