"""Runs of arms with known rates, two of them behind trainings."""

from __future__ import annotations

from pathlib import Path

import pytest

from starprobe.star.config import StarConfig
from starprobe.star.folder import Training
from tests.reports.makers import Shape, make_run

RATES = {"star_paper": 0.05, "star_option_by_option": 0.9, "sft_option_by_option": 0.92}
SEEDS = 3


def shape(name: str, full: float) -> Shape:
    rest = (1 - full) / 2
    return Shape(name, {"option_by_option": full, "chosen_only": rest, "direct": rest}, 0.5)


@pytest.fixture(scope="session")
def arms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: BASE with a scratchpad too, ARM/seed_N, and one of a model unknown."""
    root = tmp_path_factory.mktemp("arms")
    sets, both = ("easy", "hard"), ("plain", "scratchpad")
    make_run(root / "base", (shape("scripted:base", 0.04),), 30, both, sets=sets)
    number = 0
    for arm, rate in {**RATES, "direct": 0.03}.items():
        for seed in range(SEEDS):
            number += 1
            name = f"scripted:{arm}-{seed}"
            folder = root / arm / f"seed_{seed}"
            make_run(folder, (shape(name, rate),), 30, ("plain",), seed=number, sets=sets)
    make_run(root / "unknown", (shape("scripted:who", 0.85),), 30, ("plain",), seed=77)
    return root


@pytest.fixture(scope="session")
def specs(arms: Path) -> list[str]:
    """Those runs, labelled as on the command line."""
    found = [f"base={arms / 'base'}", f"prompted={arms / 'base'}"]
    return found + [
        f"{arm}/seed_{seed}={arms / arm / f'seed_{seed}'}"
        for arm in (*RATES, "direct")
        for seed in range(SEEDS)
    ]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs whose models point to trainings: two of STaR, one direct, and their base."""
    root = tmp_path_factory.mktemp("trained")
    made = (
        ("one", "star", "paper", 4),
        ("two", "star", "paper", 5),
        ("three", "direct", "paper", 4),
    )
    for name, method, style, seed in made:
        config = StarConfig(
            model="smollm2", questions="numbers", method=method, style=style, seed=seed
        )  # type: ignore[arg-type]
        training = Training.create(root / name / "training", config)
        weights = f"hf:{training.iteration(1).adapter}"
        make_run(root / name / "run", (shape(weights, 0.5),), 12, ("plain",), seed=seed)
    both = ("plain", "scratchpad")
    make_run(root / "untrained", (shape("smollm2", 0.1),), 12, both)
    return root
