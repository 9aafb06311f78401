"""What an exported folder's YAML refers to; the only module here that knows lm_eval."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval.api.task import ConfigurableTask

from starprobe.bench.files import read_jsonl
from starprobe.bench.lm_eval_tasks import score_responses
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt

if TYPE_CHECKING:
    from datasets import Dataset


class ProbeTask(ConfigurableTask):
    """A task whose prompts are ours: turns for chat models, text for others."""

    def __init__(self, config: dict[str, Any]) -> None:
        # The harness hands the key that names this class over as if it were a setting.
        super().__init__(config={key: value for key, value in config.items() if key != "class"})

    def fewshot_context(
        self,
        doc: dict[str, Any],
        num_fewshot: int,
        system_instruction: str | None = None,
        apply_chat_template: bool = False,
        fewshot_as_multiturn: bool = False,
        chat_template: Callable[..., str] | None = None,
        gen_prefix: str | None = None,
    ) -> str:
        """The string that the model gets.

        With a chat template it is made of the prompt's own turns, worked examples and system
        message included; `--num_fewshot` and the harness's own delimiters do not touch it.
        """
        prompt = Prompt.model_validate_json(doc["prompt"])
        if not (apply_chat_template and chat_template):
            return "\n\n".join(part for part in (system_instruction, prompt.text) if part)
        messages = [turn.model_dump() for turn in prompt.messages]
        if system_instruction:
            if messages[0]["role"] == "system":
                messages[0]["content"] = f"{system_instruction}\n\n{messages[0]['content']}"
            else:
                messages.insert(0, {"role": "system", "content": system_instruction})
        return chat_template(messages, add_generation_prompt=True)


def load_rows(file: str = "", config_source: str = "", **_: Any) -> dict[str, Dataset]:
    """The documents of a task, as the split `test`.

    Args:
        file: the name of the JSONL file beside the YAML.
        config_source: the YAML, as the harness says.

    Raises:
        InputError: the file is not there, or empty.
    """
    from datasets import Dataset

    path = Path(config_source).parent / file
    rows = list(read_jsonl(path))
    if not rows:
        raise InputError(f"{path}: no documents; export the tasks again")
    return {"test": Dataset.from_list(rows)}


def process_results(doc: dict[str, Any], results: list[Any]) -> dict[str, float]:
    """Metric -> value of one document."""
    responses = results[0] if isinstance(results[0], list) else results
    prompt = Prompt.model_validate_json(doc["prompt"])
    return score_responses(prompt, [str(text) for text in responses], doc["classifier"])
