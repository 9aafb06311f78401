"""Friendly names, and what they bring along."""

from __future__ import annotations

from pathlib import Path

import pytest

from starprobe.bench.models import load_backend, names
from starprobe.bench.records import Usage
from starprobe.probes.errors import InputError

SEED = ("llama2", "falcon", "gemma2", "llama3", "mistral", "claude-3-sonnet", "claude-3-5-sonnet")
SEED += ("claude-3-opus", "gpt-4", "nemotron")


def test_every_system_of_the_seed_has_a_name() -> None:
    assert set(SEED) <= set(names.entries())


def test_every_price_names_its_day_and_source() -> None:
    prices = [entry.price for entry in names.entries().values() if entry.price]
    assert prices
    assert all(price.date and price.source for price in prices)


def test_a_users_file_adds_and_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        '[mistral]\nmodel = "openai:mine@http://127.0.0.1:9/v1"\n'
        "[mistral.quirks]\nmerge_system = true\n"
        '[mistral.price]\ninput = 1\noutput = 2\ndate = "2026-01-01"\nsource = "mine"\n'
    )
    monkeypatch.setenv("STARPROBE_MODELS", str(own))
    assert names.resolve("mistral") == "openai:mine@http://127.0.0.1:9/v1"
    assert names.resolve("gemma2") == "ollama:gemma2"
    backend = load_backend("openai:mine@http://127.0.0.1:9/v1")
    assert backend.info().details["price"]["output"] == 2
    assert "merged" in backend.info().details["system"]


def test_a_broken_entry_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('[mine]\nmodel = "ollama:x"\nprize = 3\n')
    monkeypatch.setenv("STARPROBE_MODELS", str(own))
    with pytest.raises(InputError, match=r"\[mine\]: prize"):
        names.entries()


def test_cost_needs_a_price_and_counts() -> None:
    entry = names.find("anthropic", "claude-3-opus-20240229", None)
    known = names.with_cost(Usage(prompt_tokens=1000, completion_tokens=2000), entry.price)
    assert known is not None
    assert known.cost == pytest.approx(0.015 + 0.150)
    unknown = names.with_cost(Usage(prompt_tokens=1000), entry.price)
    assert unknown is not None
    assert unknown.cost is None


def test_a_vendors_price_does_not_hold_at_another_endpoint() -> None:
    entry = names.find("openai", "gpt-4o", "http://127.0.0.1:9/v1")
    assert entry is not None
    assert entry.price is None


def test_a_server_without_the_model_is_told_from_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    from starprobe.bench.models import reach

    assert reach("anthropic:claude-3-opus-20240229").missing.endswith(
        "needs a key: set ANTHROPIC_API_KEY in the environment"
    )


def test_the_list_of_models_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from starprobe.bench.models import Reach
    from starprobe.cli import app

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(
        "starprobe.bench.models.reach",
        lambda model: Reach(model, "what is missing is said here"),
    )
    for given in ([], ["--no-check"], ["--details"]):
        shown = CliRunner().invoke(app, ["models", *given])
        assert shown.exit_code == 0
        lines = shown.output.splitlines()
        assert len(lines) > 20
        assert [line for line in lines if len(line) > 80] == []
