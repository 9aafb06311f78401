"""The loss scored on answers alone is TRL's loss, and so are its gradients."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `star` is not installed")
pytest.importorskip("trl", reason="the extra `star` is not installed")


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Three rows, one of them padded and one without any label."""
    torch.manual_seed(3)
    ids = torch.randint(3, 300, (3, 40))
    labels = ids.clone()
    labels[:, :12] = -100
    labels[1, 30:] = -100
    labels[2] = -100
    mask = torch.ones_like(ids)
    mask[1, 30:] = 0
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def scored(folder: Path, batch: dict[str, torch.Tensor], ours: bool, **lora: object):
    """What TRL's forward gives with or without the change, and the gradients of its loss."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    from starprobe.star.cheaper_loss import score_answers_only

    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    add_fused_lm_head(base, outputs=("log_probs", "entropy", "is_top1"))
    torch.manual_seed(5)
    model = get_peft_model(
        base, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, **lora)
    )
    if ours:
        assert score_answers_only(base)
    found = model(**batch, fused_lm_head=True)
    (-found.log_probs.sum() / found.label_mask.sum()).backward()
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return found, grads


@pytest.mark.parametrize("at_once", [7, 256])
def test_answers_alone_give_trls_loss_metrics_and_gradients(
    tiny_model: Path, batch, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("starprobe.star.cheaper_loss.AT_ONCE", at_once)
    theirs, their_grads = scored(tiny_model, batch, ours=False)
    mine, my_grads = scored(tiny_model, batch, ours=True)
    for name in ("loss", "log_probs", "entropy"):
        torch.testing.assert_close(getattr(mine, name), getattr(theirs, name), rtol=1e-5, atol=1e-6)
    assert torch.equal(mine.is_top1, theirs.is_top1)
    assert torch.equal(mine.label_mask, theirs.label_mask)
    assert my_grads.keys() == their_grads.keys() and len(my_grads) > 10
    for name, grad in my_grads.items():
        torch.testing.assert_close(grad, their_grads[name], rtol=1e-4, atol=1e-6)
        assert grad.abs().max() > 0


def test_a_batch_without_a_label_is_a_zero_that_can_be_gone_back_from(
    tiny_model: Path, batch
) -> None:
    batch["labels"][:] = -100
    found, _ = scored(tiny_model, batch, ours=True)
    assert float(found.loss.detach()) == 0.0


def test_only_answers_meet_the_vocabulary(tiny_model: Path, batch, monkeypatch) -> None:

    import starprobe.star.cheaper_loss

    seen: list[int] = []
    whole = starprobe.star.cheaper_loss.linear
    monkeypatch.setattr(
        starprobe.star.cheaper_loss,
        "linear",
        lambda hidden, *rest: seen.append(len(hidden)) or whole(hidden, *rest),
    )
    scored(tiny_model, batch, ours=True)
    assert sum(seen) == int((batch["labels"][:, 1:] != -100).sum())


def test_a_projection_that_is_trained_or_no_plain_one_is_left_to_trl(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    from starprobe.star.cheaper_loss import score_answers_only

    trained = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert not score_answers_only(trained)
    capped = AutoModelForCausalLM.from_pretrained(tiny_model).requires_grad_(False)
    capped.config.final_logit_softcapping = 30.0
    assert not score_answers_only(capped)


def test_training_steps_have_the_same_losses(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from starprobe.star.config import make_config
    from starprobe.star.finetune import make_trainer, material
    from starprobe.star.rows import Encoded
    from starprobe.star.weights import load_model, load_tokenizer

    config = make_config(f"hf:{tiny_model}", "numbers", overrides={"device": "cpu", "steps": 6})
    rows = [
        Encoded([5] * 6 + list(range(10, 20 + n)), [-100] * 6 + list(range(10, 20 + n)))
        for n in range(20)
    ]

    def losses(ours: bool) -> list[float]:
        if not ours:
            monkeypatch.setattr(
                "starprobe.star.cheaper_loss.score_answers_only", lambda model: False
            )
        torch.manual_seed(0)
        model, tokenizer = load_model(str(tiny_model), config), load_tokenizer(str(tiny_model))
        trainer = make_trainer(
            model, tokenizer, material(rows, config, 1), config, 1, tmp_path / str(ours)
        )
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    mine, theirs = losses(ours=True), losses(ours=False)
    assert len(mine) == 6 and mine[-1] < mine[0]
    assert mine == pytest.approx(theirs, rel=1e-4)
