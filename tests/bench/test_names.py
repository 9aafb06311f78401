"""What tables and pages call models."""

from __future__ import annotations

from starprobe.bench.run_folder import short_names


def test_paths_of_models_are_short_and_told_apart() -> None:
    found = short_names(
        [
            "hf:/data/runs/demo/training/iteration_001/adapter",
            "hf:/data/runs/other/training/iteration_001/adapter",
            "hf:./a/b/c/model.gguf",
            "hf:google/gemma-2-9b-it",
            "openai:me/here/model@http://127.0.0.1/v1",
            "smollm2",
        ]
    )
    assert list(found.values()) == [
        "hf:…/demo/training/iteration_001/adapter",
        "hf:…/other/training/iteration_001/adapter",
        "hf:…/c/model.gguf",
        "hf:google/gemma-2-9b-it",
        "openai:me/here/model@http://127.0.0.1/v1",
        "smollm2",
    ]
