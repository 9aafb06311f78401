"""What a training run is: one frozen record, presets, and `key=value` overrides.

Knows no model and no file but a configuration's own text.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record

KeepBy = Literal["key", "judges", "reward"]
RationaleStyle = Literal["option_by_option", "paper", "free"]
FilterName = Literal[
    "label_text",
    "leak",
    "contradiction",
    "arithmetic",
    "derivation",
    "style",
    "length",
    "inconsistent",
    "likelihood",
    "duplicate",
]
"""What a filter is called; it is the reason recorded, too (`star.records`)."""
DEFAULT_PRESET = "rest"
FREE = frozenset(
    {
        "checkpoint_minutes", "processes", "accelerate_config", "packing", "rows_at_once",
        "sampling_workers",
    }
)  # fmt: skip
"""Fields that decide how a training is done, not what comes of it: a resume may change them."""


class StarConfig(Record):
    """Everything that decides what a training run does; frozen in config.json."""

    model: str
    """BACKEND:NAME of the base model."""
    questions: str
    """A built-in set or a JSONL file."""
    preset: str = DEFAULT_PRESET
    method: Literal["star", "supervised", "direct", "base"] = "star"
    """star: learn from its own rationales; supervised: from rationales of templates or of the file
    (control); direct: from answers alone (control); base: no training."""
    style: RationaleStyle = "option_by_option"
    """Of the worked examples: which behaviour is taught, apart from how."""
    iterations: int = Field(3, ge=1)
    limit: int | None = Field(None, ge=1)
    """Questions to train on at most; None takes all."""
    seed: int = 0

    samples: int = Field(4, ge=1)
    """A question and iteration."""
    temperature: float = Field(0.8, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(256, ge=1)
    """Of a rationale."""
    shots: int = Field(4, ge=0)
    """Worked examples in the prompt that samples."""
    examples: str = "probes"
    """Where they come from: probes (those that the probes show), numbers, or a TOML file."""
    few_shot: Literal["first", "always", "never"] = "first"
    """first: later iterations sample with the prompt they were trained on, which has none."""
    few_shot_in_training: bool = False
    """Keep the worked examples in the training text (the paper's better variant)."""
    shuffle: bool = True
    """Another order of the options for every sample."""
    sampler: Literal["all", "adaptive"] = "all"
    """adaptive: least recently asked and hardest first, as many as the model's strength allows."""

    rationalize: Literal["unsolved", "failed", "none"] = "unsolved"
    """unsolved: questions that never had a right sample; failed: all without one now."""
    rationalize_samples: int = Field(1, ge=1)
    hint: Literal["mark", "sentence", "place"] = "mark"
    """mark: "(CORRECT)" behind the option; sentence: the answer named after the options; place: the
    right option last, where the choice of a weak model falls (take `turns` with it)."""
    max_rationalized_share: float = Field(0.15, ge=0, le=1)
    """Of the training rows."""

    filters: tuple[FilterName, ...] = (
        "label_text", "leak", "contradiction", "arithmetic", "derivation", "duplicate",
    )  # fmt: skip
    """Beyond right, answered and whole, which always count. A letter guessed right teaches nothing:
    where a working can be checked, it is (docs/results.md, "What the presets teach")."""
    keep_by: KeepBy = "key"
    """Who says what is right: the answer key, the consensus of `judges`, or the model `reward`.
    With the key, the others decide where a question has no answer. Where they do, nothing is
    rationalized: a hint is the key."""
    judges: tuple[str, ...] = ()
    """Models that vote on each answer, by names that `starprobe judge` takes."""
    reward: str = ""
    """A reward model: hf:NAME or openai:NAME@URL."""
    reward_at_least: float | None = None
    """Answers that score below are dropped."""
    reward_best: int | None = Field(None, ge=1)
    """Answers of a question that are kept, the best ones. Scores mean little across questions."""
    reward_score: str = ""
    """Which of the model's scores counts; empty: its only one, else correctness, helpfulness."""
    reask: int = Field(0, ge=0)
    """For the filter `inconsistent`: further orders of the options in which a question with a kept
    sample is asked; 0 leaves the vote to its samples."""
    cap: int = Field(4, ge=1)
    """Rows a question at most."""
    turns: int = Field(0, ge=0)
    """Orders of the options that each kept rationale is trained in; 0: the one it was made in."""
    min_rows: int = Field(8, ge=1)
    """Fewer are not trained on."""

    tuning: Literal["lora", "qlora", "full"] = "lora"
    lora_r: int = Field(32, ge=1)
    lora_alpha: int = Field(64, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    learning_rate: float = Field(2e-4, gt=0)
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup: float = Field(0.05, ge=0)
    """A share of the steps below 1, steps from 1 on."""
    epochs: float = Field(2.0, gt=0)
    steps: int | None = Field(None, ge=1)
    """Steps of the first iteration instead of epochs."""
    step_growth: float = Field(1.2, ge=1)
    """Each iteration's steps are those of the one before times this."""
    train_batch_size: int = Field(8, ge=1)
    rows_at_once: int | None = Field(None, ge=1)
    """Of a batch and process, those in memory together; None takes all. Fewer give the same."""
    max_length: int = Field(1024, ge=16)
    """Rows of more tokens are left out, never cut."""
    packing: Literal["auto", "off"] = "auto"
    """auto: rows laid end to end instead of padded, where FlashAttention is; the batches are the
    same either way."""
    checkpoint_minutes: float | None = Field(5.0, ge=0)
    """Between states of a fine-tune that a kill leaves to go on from; 0: after every step."""
    processes: int = Field(1, ge=1)
    """Of a fine-tune, one a GPU: the same rows in the same batches as one process."""
    accelerate_config: str = ""
    """A file of `accelerate config` to launch them with, instead of starprobe's own."""
    restart: Literal["base", "previous"] = "base"
    """What each iteration trains from."""
    pairs: bool = False
    """After it, a stage of preference pairs: right against wrong answers to the same prompt."""
    pair_beta: float = Field(0.1, gt=0)
    pair_learning_rate: float = Field(5e-6, gt=0)
    merge: bool = False
    """Write the best model whole beside its adapter."""

    validation: int = Field(60, ge=0)
    """Questions held out of training to choose the best iteration; 0 takes the last."""
    patience: int = Field(2, ge=1)
    """Iterations without a better validation accuracy before the loop stops."""
    test: str = ""
    """Questions asked once of the base and of the chosen iteration, after the choice; a built-in
    set or a file. They choose nothing, and no copy of them is trained on."""
    test_limit: int | None = Field(None, ge=1)
    """Of them at most, the same ones for every seed."""
    test_every: bool = False
    """Ask them of every iteration, after the choice all the same: for reporting only."""
    forgetting: tuple[str, ...] = ()
    """What it may have unlearnt: probe sets or files, asked for the answer alone, and lm-eval
    tasks; the base against the chosen iteration, after the choice."""
    forgetting_from: str = ""
    """A folder of lm-eval tasks (YAML), such as `starprobe tasks export` writes."""
    forgetting_limit: int | None = Field(None, ge=1)
    """Questions of each at most, the first ones."""
    decontaminate: tuple[str, ...] = ("everyday",)
    """Sets whose questions may not be trained on, nor near copies of them."""

    backend: str = ""
    """What samples from the weights: vllm or hf. By default vllm where it is installed and can run
    here, else the backend in `model`."""
    sampling_workers: int = Field(1, ge=1)
    """Processes that share sampling out, one a GPU; the samples are the same."""
    batch_size: int = Field(16, ge=1)
    """Sequences generated together."""
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of sampling and training; auto: float32 on a CPU, bfloat16 on a GPU. On CPUs that multiply in
    bfloat16 (AVX512-BF16, AMX), bfloat16 is faster."""

    @model_validator(mode="after")
    def _fits(self) -> StarConfig:
        if self.samples > 1 and self.temperature == 0 and not self.shuffle:
            raise ValueError("several greedy samples without shuffling would all be the same")
        votes = self.reask + (1 if self.pairs else self.samples)
        if "inconsistent" in self.filters and not (self.shuffle and votes > 1):
            raise ValueError(
                "the filter inconsistent needs several orders of the options: shuffle=true, and "
                "reask=1 or more where samples=1 or pairs are trained"
            )
        if self.hint == "place" and self.turns == 0 and self.rationalize != "none":
            raise ValueError("hint=place needs turns=1 or more, or the place itself is learnt")
        if self.keep_by != "key" and not getattr(self, self.keep_by):
            raise ValueError(f"keep_by={self.keep_by} needs {self.keep_by}=MODEL")
        if self.reward and self.reward_at_least is None and self.reward_best is None:
            raise ValueError("reward=MODEL needs reward_best=N, reward_at_least=SCORE, or both")
        if self.tuning == "qlora" and self.device == "cpu":
            raise ValueError("tuning=qlora needs a CUDA device; take tuning=lora")
        if self.train_batch_size % self.processes:
            raise ValueError(
                f"train_batch_size={self.train_batch_size} cannot be shared out evenly among "
                f"processes={self.processes}"
            )
        if self.rows_at_once and (self.train_batch_size // self.processes) % self.rows_at_once:
            raise ValueError(
                f"rows_at_once={self.rows_at_once} does not go into a process's share of a batch, "
                f"{self.train_batch_size // self.processes}"
            )
        if self.pairs and self.tuning == "full" and self.processes > 1:
            raise ValueError("pairs with tuning=full take processes=1, or tuning=lora")
        return self


@cache
def presets() -> dict[str, dict[str, Any]]:
    """Preset -> the fields it sets, with its `about`."""
    text = files("starprobe.star").joinpath("presets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def make_config(
    model: str,
    questions: str,
    preset: str = DEFAULT_PRESET,
    overrides: Mapping[str, Any] | None = None,
) -> StarConfig:
    """A preset with single fields changed.

    Raises:
        InputError: an unknown preset or field, or a value that does not fit.
    """
    known = presets()
    if preset not in known:
        raise InputError(f"unknown preset {preset!r}; known are {', '.join(known)}")
    values = {key: value for key, value in known[preset].items() if key != "about"}
    values |= dict(overrides or {})
    for key in values:
        if key not in StarConfig.model_fields:
            near = difflib.get_close_matches(key, StarConfig.model_fields, n=1)
            advice = f"did you mean {near[0]!r}?" if near else "see --show-config for all of them"
            raise InputError(f"unknown setting {key!r}; {advice}")
    try:
        return StarConfig(**{"model": model, "questions": questions, "preset": preset, **values})
    except ValidationError as error:
        raise InputError(_one_line(error)) from None


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """`key=value` pairs as the command line gives them; lists are separated by commas.

    Raises:
        InputError: a pair without `=`.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise InputError(f"--set {setting!r}: write it as key=value")
        found[key] = _value(key, value.strip())
    return found


def _value(key: str, text: str) -> Any:
    field = StarConfig.model_fields.get(key)
    if field is not None and "tuple" in str(field.annotation):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if text.lower() in {"none", "null"} and field is not None and "None" in str(field.annotation):
        return None
    return text


def _one_line(error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if not field:
        return f"these settings do not fit together: {message}"
    return f"setting {field}={detail['input']!r}: {message[:1].lower()}{message[1:]}"
