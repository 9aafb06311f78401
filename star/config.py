"""What a training run is: one frozen record in groups, presets, files, and `key=value` overrides.

Knows no model and no file but a configuration's own text.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, JsonValue, ValidationError, model_validator
from pydantic.fields import FieldInfo

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
    "duplicate",
]
"""What a filter is called; it is the reason recorded, too (`star.records`)."""
DEFAULT_PRESET = "rest"


class SamplingSettings(Record):
    """How the model is asked for rationales."""

    samples: int = Field(4, ge=1, description="Samples of a question and iteration.")
    enough: int | None = Field(
        None,
        ge=1,
        description="Right samples of a question after which no more of it are drawn: samples are "
        "then drawn in turns of one a question; None draws all at once.",
    )
    temperature: float = Field(0.8, ge=0, description="0 is greedy.")
    top_p: float = Field(0.95, gt=0, le=1, description="Nucleus of the sampling.")
    max_tokens: int = Field(256, ge=1, description="Tokens of a rationale at most.")
    shots: int = Field(4, ge=0, description="Worked examples in the prompt that samples.")
    examples: str = Field(
        "probes",
        description="Where they come from: probes, numbers, word_problems, or a TOML file.",
    )
    few_shot: Literal["first", "always", "never"] = Field(
        "first",
        description="Which iterations see them; first: later ones sample with the prompt that they "
        "were trained on, which has none.",
    )
    shuffle: bool = Field(True, description="Another order of the options for every sample.")
    sampler: Literal["all", "adaptive"] = Field(
        "all",
        description="Which questions an iteration asks; adaptive: least recently asked and hardest "
        "first (AdaSTaR), as many as its steps need.",
    )

    @model_validator(mode="after")
    def _fits(self) -> SamplingSettings:
        if self.samples > 1 and self.temperature == 0 and not self.shuffle:
            raise ValueError("several greedy samples without shuffling would all be the same")
        return self


class RationalizationSettings(Record):
    """A second try with the answer given, for questions that were not solved."""

    rationalize: Literal["unsolved", "failed", "none"] = Field(
        "unsolved",
        description="unsolved: questions that never had a right sample; failed: all without one in "
        "this iteration.",
    )
    rationalize_samples: int = Field(1, ge=1, description="Tries with the hint, a question.")
    hint: Literal["mark", "sentence", "order_trick"] = Field(
        "mark",
        description='mark: "(CORRECT)" behind the option; sentence: the answer named after the '
        "options; both in the worked examples too. order_trick: no hint at all, the right option "
        "is put last, where a weak model's choice falls (needs turns).",
    )
    arrives: bool = Field(
        True,
        description="Keep a rationalization only where the model, without the hint, arrives at the "
        "answer from its reasons, cut off before they first name it.",
    )


class SelectionSettings(Record):
    """What is trained on of all that was sampled."""

    verify: tuple[str, ...] = Field(
        (),
        description="What says whether an answer is right and its working valid: number, text, "
        "steps (every stated equation holds), math (math-verify), or module:function of your own; "
        "empty compares the answer with the key.",
    )
    filters: tuple[FilterName, ...] = Field(
        ("label_text", "leak", "contradiction", "arithmetic", "derivation", "duplicate"),
        description="Beyond right, answered and whole, which always count; `starprobe train "
        "--explain` and the tables say what each means.",
    )
    keep_by: KeepBy = Field(
        "key",
        description="Who says what is right: the answer key, the consensus of judges, or the model "
        "reward. With the key, the others decide where a question has no answer; where they do, "
        "nothing is rationalized, as a hint is the key.",
    )
    judges: tuple[str, ...] = Field(
        (), description="Models that vote on each answer, by names that `starprobe judge` takes."
    )
    reward: str = Field("", description="A reward model: hf:NAME or openai:NAME@URL.")
    reward_at_least: float | None = Field(None, description="Answers that score below are dropped.")
    reward_best: int | None = Field(
        None, ge=1, description="Answers of a question that are kept, the best ones."
    )
    reward_score: str = Field(
        "",
        description="Which of the reward model's scores counts; empty: its only one, else "
        "correctness, else helpfulness.",
    )
    reask: int = Field(
        0,
        ge=0,
        description="For the filter inconsistent: further orders of the options in which a "
        "question with a kept sample is asked; 0 leaves the vote to its samples.",
    )
    cap: int = Field(4, ge=1, description="Rows of a question at most.")
    earlier: bool = Field(
        False,
        description="Train on what earlier rounds kept, too: the newest first, no text of a "
        "question twice, up to cap.",
    )
    min_rows: int = Field(8, ge=1, description="Fewer rows than that are not trained on.")

    @model_validator(mode="after")
    def _fits(self) -> SelectionSettings:
        if self.keep_by != "key" and not getattr(self, self.keep_by):
            raise ValueError(f"keep_by={self.keep_by} needs {self.keep_by}=MODEL")
        if self.reward and self.reward_at_least is None and self.reward_best is None:
            raise ValueError("reward=MODEL needs reward_best=N, reward_at_least=SCORE, or both")
        return self


class TrainingSettings(Record):
    """The fine-tune of an iteration."""

    tuning: Literal["lora", "qlora", "full"] = Field(
        "lora", description="Which weights are trained; qlora trains on a base in four bits."
    )
    lora_r: int = Field(32, ge=1, description="Rank of LoRA.")
    lora_alpha: int = Field(64, ge=1, description="LoRA's scale is alpha / r.")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout in LoRA's layers.")
    learning_rate: float = Field(2e-4, gt=0, description="The highest of the schedule.")
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"] = Field(
        "linear", description="How the learning rate goes over the steps."
    )
    warmup: float = Field(
        0.05, ge=0, description="A share of the steps below 1, a number of steps from 1 on."
    )
    epochs: float = Field(2.0, gt=0, description="Times that every row is seen.")
    steps: int | None = Field(
        None, ge=1, description="Steps of the first iteration, instead of epochs."
    )
    min_steps: int = Field(1, ge=1, description="Steps at least, where epochs make fewer.")
    step_growth: float = Field(
        1.2, ge=1, description="Each iteration's steps are those of the one before times this."
    )
    train_batch_size: int = Field(8, ge=1, description="Rows of an optimizer step.")
    rows_at_once: int | None = Field(
        None,
        ge=1,
        description="Rows of a batch and process that are in memory together; None takes all.",
    )
    max_length: int = Field(1024, ge=16, description="Rows of more tokens are left out, never cut.")
    packing: Literal["auto", "off"] = Field(
        "auto",
        description="auto: rows laid end to end instead of padded, where FlashAttention is; the "
        "batches are the same either way.",
    )
    restart: Literal["base", "previous"] = Field(
        "base", description="What each iteration trains from."
    )
    few_shot_in_training: bool = Field(
        False,
        description="Keep the worked examples in the training text, and in validation and test.",
    )
    turns: int = Field(
        0,
        ge=0,
        description="Orders of the options that each kept rationale is trained in; 0: the one it "
        "was made in.",
    )
    pairs: bool = Field(
        False,
        description="After it, a stage of preference pairs: right against wrong answers to the "
        "same prompt.",
    )
    pair_beta: float = Field(0.1, gt=0, description="Beta of the preference loss (DPO).")
    pair_learning_rate: float = Field(5e-6, gt=0, description="Learning rate of that stage.")
    merge: bool = Field(False, description="Write the best model whole beside its adapter.")


class EvaluationSettings(Record):
    """Questions that are held out: to choose the best iteration, and to report on it."""

    validation: int = Field(
        300,
        ge=0,
        description="Questions held out of training to choose the best iteration, 30 % at most; 0 "
        "takes the last iteration.",
    )
    smallest_gain: float = Field(
        0.02,
        ge=0,
        le=1,
        description="The smallest gain in validation accuracy that is worth a further iteration.",
    )
    patience: int = Field(
        2,
        ge=1,
        description="Iterations in a row for which that gain is ruled out (upper limit of the "
        "paired 95 % interval) before the loop stops.",
    )
    test: str = Field(
        "",
        description="Questions asked once of the base and of the chosen iteration, after the "
        "choice: a built-in set or a file; no copy of them is trained on.",
    )
    test_limit: int | None = Field(
        None, ge=1, description="Test questions at most, the same ones for every seed."
    )
    test_every: bool = Field(
        False, description="Ask them of every iteration, after the choice: for reporting only."
    )
    best_of: int = Field(
        0,
        ge=0,
        description="Samples of a test question, among which a ranker chooses that is trained on "
        "right against wrong samples of all rounds (V-STaR); pair_beta and pair_learning_rate are "
        "its settings too. 0: none.",
    )
    forgetting: tuple[str, ...] = Field(
        (),
        description="What may be unlearnt: probe sets or files, asked for the answer alone, and "
        "lm-eval tasks; the base against the chosen iteration.",
    )
    forgetting_from: str = Field(
        "", description="A folder of lm-eval tasks (YAML), as `starprobe tasks export` writes."
    )
    forgetting_limit: int | None = Field(
        None, ge=1, description="Questions of each at most, the first ones."
    )
    decontaminate: tuple[str, ...] = Field(
        ("everyday",),
        description="Sets whose questions may not be trained on, nor near copies of them.",
    )


class MachineSettings(Record):
    """Where it runs; most of it changes nothing in what comes of it."""

    backend: str = Field(
        "",
        description="What samples from the weights: vllm or hf; by default vllm where it is "
        "installed and can run here, else the backend in model.",
    )
    batch_size: int = Field(16, ge=1, description="Sequences generated together.")
    device: str = Field("auto", description="cpu, cuda, or auto.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Of sampling and training; auto: float32 on a CPU, bfloat16 on a GPU.",
    )
    sampling_workers: int = Field(
        1,
        ge=1,
        description="Processes that share sampling out, one a GPU; the samples are the same.",
    )
    processes: int = Field(
        1, ge=1, description="Processes of a fine-tune, one a GPU: the same batches as one makes."
    )
    accelerate_config: str = Field(
        "", description="A file of `accelerate config` to launch them with, instead of our own."
    )
    checkpoint_minutes: float | None = Field(
        5.0,
        ge=0,
        description="Minutes between states of a fine-tune that a kill leaves to go on from; 0: "
        "after every step; None: none.",
    )


class StarConfig(Record):
    """Everything that decides what a training run does; frozen in config.json."""

    model: str = Field(description="BACKEND:NAME of the base model.")
    questions: str = Field(description="A built-in set or a JSONL file.")
    preset: str = Field(DEFAULT_PRESET, description="The starting point that was changed.")
    method: Literal["star", "supervised", "direct", "base"] = Field(
        "star",
        description="star: learn from its own rationales; supervised: from rationales of templates "
        "or of the file; direct: from answers alone; base: no training. The last three are "
        "controls.",
    )
    style: RationaleStyle = Field(
        "free",
        description="Of the worked examples, and so of what is taught: free text; paper, the "
        "reasons for the right option; or option_by_option, a reason for every option.",
    )
    iterations: int = Field(3, ge=1, description="Rounds of the loop at most.")
    columns: tuple[str, ...] = Field(
        (),
        description="Names of the questions' fields where they are not ours: question=problem, "
        "answer=solution.",
    )
    limit: int | None = Field(
        None, ge=1, description="Questions to train on at most; None takes all."
    )
    seed: int = Field(0, description="Of the splits, the sampling and the training.")
    sampling: SamplingSettings = SamplingSettings()
    rationalization: RationalizationSettings = RationalizationSettings()
    selection: SelectionSettings = SelectionSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    machine: MachineSettings = MachineSettings()
    engine: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Options of vLLM's engine by its own names, such as engine.max_model_len.",
    )
    trainer: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Options of TRL's SFTConfig by its own names, such as trainer.optim or "
        "trainer.report_to.",
    )

    @model_validator(mode="after")
    def _fits(self) -> StarConfig:
        sampling, training, machine = self.sampling, self.training, self.machine
        votes = self.selection.reask + (1 if training.pairs else sampling.samples)
        if "inconsistent" in self.selection.filters and not (sampling.shuffle and votes > 1):
            raise ValueError(
                "the filter inconsistent needs several orders of the options: shuffle=true, and "
                "reask=1 or more where samples=1 or pairs are trained"
            )
        trick = self.rationalization.hint == "order_trick"
        if trick and training.turns == 0 and self.rationalization.rationalize != "none":
            raise ValueError(
                "hint=order_trick needs turns=1 or more, or the order itself is learnt"
            )
        if training.tuning == "qlora" and machine.device == "cpu":
            raise ValueError("tuning=qlora needs a CUDA device; take tuning=lora")
        if training.train_batch_size % machine.processes:
            raise ValueError(
                f"train_batch_size={training.train_batch_size} cannot be shared out evenly among "
                f"processes={machine.processes}"
            )
        if self.evaluation.best_of and not (sampling.temperature and self.evaluation.test):
            raise ValueError("best_of needs test=SET OR FILE, and temperature above 0")
        share = training.train_batch_size // machine.processes
        if training.rows_at_once and share % training.rows_at_once:
            raise ValueError(
                f"rows_at_once={training.rows_at_once} does not go into a process's share of a "
                f"batch, {share}"
            )
        if training.pairs and training.tuning == "full" and machine.processes > 1:
            raise ValueError("pairs with tuning=full take processes=1, or tuning=lora")
        return self


GROUPS: dict[str, type[Record]] = {
    "sampling": SamplingSettings,
    "rationalization": RationalizationSettings,
    "selection": SelectionSettings,
    "training": TrainingSettings,
    "evaluation": EvaluationSettings,
    "machine": MachineSettings,
}
PASSED_ON = ("engine", "trainer")
"""Tables whose keys are another library's."""
FREE = frozenset(
    {
        "machine.checkpoint_minutes", "machine.processes", "machine.accelerate_config",
        "training.packing", "training.rows_at_once", "machine.sampling_workers"
    }
)  # fmt: skip
"""Settings that decide how a training is done, not what comes of it: a resume may change them."""


@cache
def settings() -> dict[str, FieldInfo]:
    """Every setting by its full name, such as `training.lora_r`, in order."""
    found = {key: one for key, one in StarConfig.model_fields.items() if key not in GROUPS}
    for group, kind in GROUPS.items():
        found |= {f"{group}.{key}": one for key, one in kind.model_fields.items()}
    return found


def values(config: StarConfig) -> dict[str, Any]:
    """Full name -> value, of every setting."""
    return {name: _get(config, name) for name in settings()}


def described() -> Iterator[tuple[str, str, str]]:
    """(full name, default, what it means) of every setting."""
    for name, field in settings().items():
        default = (
            ""
            if field.is_required()
            else json.dumps(
                field.get_default(call_default_factory=True, validated_data={}), default=list
            )
        )
        yield name, default, field.description or ""


def settings_page() -> str:
    """Every setting as Markdown, a table a group: what docs/training.md shows."""
    lines: list[str] = []
    for group in ("", *GROUPS):
        about = f"`{group}`: {(GROUPS[group].__doc__ or '').strip()}" if group else "At the top."
        lines += ["", about, "", "| setting | default | what it means |", "| --- | --- | --- |"]
        for name, default, text in described():
            if name.rpartition(".")[0] == group:
                shown = f"`{default}`" if default else ""
                lines.append(f"| `{name}` | {shown} | {text} |".replace("|  |", "| |"))
    return "\n".join(lines).strip() + "\n"


@cache
def presets() -> dict[str, dict[str, Any]]:
    """Preset -> the settings it changes, in groups, with its `about`."""
    text = files("starprobe.star").joinpath("presets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def make_config(
    model: str,
    questions: str,
    preset: str = DEFAULT_PRESET,
    overrides: Mapping[str, Any] | None = None,
) -> StarConfig:
    """A preset with single settings changed.

    Args:
        model: BACKEND:NAME of the base model; what stands in `overrides` wins.
        questions: a built-in set or a file; what stands in `overrides` wins.
        preset: one of `presets()`.
        overrides: in groups (`{"training": {"lora_r": 8}}`), or by full name (`training.lora_r`);
            `lora_r` alone does, as no two groups have a setting of the same name.

    Raises:
        InputError: an unknown preset or setting, or a value that does not fit.
    """
    known = presets()
    if preset not in known:
        raise InputError(f"unknown preset {preset!r}; known are {', '.join(known)}")
    found: dict[str, Any] = {"model": model, "questions": questions, "preset": preset}
    found |= flat({key: value for key, value in known[preset].items() if key != "about"})
    found |= flat(overrides or {})
    nested: dict[str, Any] = {name: dict(found.pop(name, {})) for name in PASSED_ON}
    for name, value in found.items():
        group, _, key = name.rpartition(".")
        (nested.setdefault(group, {}) if group else nested)[key] = value
    try:
        return StarConfig.model_validate(nested)
    except ValidationError as error:
        raise InputError(_one_line(error)) from None


def read_config(path: Path) -> dict[str, Any]:
    """The settings of a TOML or JSON file, by full name: one of one's own, or a config.json.

    Raises:
        InputError: it cannot be read, or holds an unknown setting.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"--config {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"--config {path}: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"--config {path}: holds no settings")
    return flat(found)


def flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their full names.

    Raises:
        InputError: an unknown one; the nearest that there is, is named.
    """
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key in (*GROUPS, *PASSED_ON) and isinstance(value, Mapping):
            found |= {full_name(f"{key}.{inner}"): one for inner, one in value.items()}
        else:
            found[full_name(key)] = value
    return found


def full_name(key: str) -> str:
    """`lora_r` and `training.lora_r` -> `training.lora_r`.

    Raises:
        InputError: there is no such setting.
    """
    if key in settings() or (key.partition(".")[0] in PASSED_ON and "." in key):
        return key
    for name in settings():
        if name.rpartition(".")[2] == key:
            return name
    last = {name.rpartition(".")[2]: name for name in settings()}
    near = difflib.get_close_matches(key.rpartition(".")[2], last, n=1)
    advice = f"did you mean {last[near[0]]!r}?" if near else "see --settings for all of them"
    raise InputError(f"unknown setting {key!r}; {advice}")


def parse_settings(given: Iterable[str]) -> dict[str, Any]:
    """`key=value` pairs as the command line gives them; lists are separated by commas.

    Raises:
        InputError: a pair without `=`, or an unknown setting.
    """
    found: dict[str, Any] = {}
    for setting in given:
        key, equals, value = setting.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise InputError(f"--set {setting!r}: write it as key=value")
        name = full_name(key)
        passed_on = name.partition(".")[0] in PASSED_ON
        found[name] = _json(value.strip()) if passed_on else _value(name, value.strip())
    return found


def _json(text: str) -> Any:
    """A number, true, false, null or a table as JSON writes them; else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def training_seed(config: StarConfig, iteration: int) -> int:
    """Of a fine-tune: no two iterations of any two seeds share it."""
    digest = hashlib.sha256(f"train|{config.seed}|{iteration}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _value(name: str, text: str) -> Any:
    kind = settings()[name].annotation
    if "tuple" in str(kind):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if text.lower() in {"none", "null"} and type(None) in get_args(kind):
        return None
    return text


def _get(config: Record, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _one_line(error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if not field or field in GROUPS:
        return f"these settings do not fit together: {message}"
    return f"setting {field}={detail['input']!r}: {message[:1].lower()}{message[1:]}"
