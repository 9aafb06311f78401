"""The loss of a training step on a CPU, scored where there is an answer and nowhere else.

Prompts have no loss, but TRL projects their positions onto the vocabulary too wherever there is no
Triton, and once more on the way back: with a small model and a large vocabulary that is a third of
a step. Here only answers are projected, and the gradient is made on the way out, so that the scores
of a vocabulary are held for a few positions at a time and never for a batch.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch.nn.functional import linear
from trl.trainer.utils import FusedCausalLMOutput

AT_ONCE = 256
"""Positions whose scores of the whole vocabulary are in memory together."""
OWN_SCORES = (
    "final_logit_softcapping",
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
)
"""Settings of models whose scores are more than a projection; theirs are left to TRL."""


def score_answers_only(model: Any) -> bool:
    """Changes how the model makes TRL's loss; False where it is left as it is.

    It is where the projection is trained itself, or is no plain one.
    """
    head, config = model.get_output_embeddings(), model.config.get_text_config()
    if head.weight.requires_grad or any(getattr(config, name, None) for name in OWN_SCORES):
        return False
    whole = model.forward

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        labels = kwargs.get("labels")
        if not kwargs.get("fused_lm_head") or labels is None or labels.device.type != "cpu":
            return whole(*args, **kwargs)
        for name in ("labels", "fused_lm_head", "num_items_in_batch"):
            kwargs.pop(name, None)
        hidden = self.base_model(*args, **kwargs | {"use_cache": False}).last_hidden_state
        return _scored(self.get_output_embeddings(), hidden[:, :-1], labels[:, 1:])

    model.forward = types.MethodType(forward, model)
    return True


def _scored(head: Any, hidden: torch.Tensor, labels: torch.Tensor) -> FusedCausalLMOutput:
    """What TRL makes its loss and its metrics of; zero where there is no label."""
    mask = labels != -100
    log_probs, entropy, top = AnswerScores.apply(hidden[mask], head.weight, head.bias, labels[mask])
    # Scattered into zeros, which keeps a batch without any label connected to the model.
    spread = [
        part.new_zeros(mask.shape).masked_scatter(mask, part) for part in (log_probs, entropy)
    ]
    return FusedCausalLMOutput(
        loss=-log_probs.sum() / mask.sum().clamp(min=1),
        log_probs=spread[0],
        entropy=spread[1],
        is_top1=torch.zeros_like(mask).masked_scatter(mask, top),
        label_mask=mask,
    )


class AnswerScores(torch.autograd.Function):
    """(log-probability of each target, entropy, whether it is the likeliest token).

    With the projection frozen, a log-probability's gradient is one vector a position: the target's
    weights less the mean of all weights under the distribution. It is made here, while the
    distribution is at hand, and scaled on the way back.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Some positions at a time."""
        log_probs = torch.empty(len(targets), dtype=torch.float32)
        entropy, top = torch.empty_like(log_probs), torch.empty(len(targets), dtype=torch.bool)
        towards = torch.empty_like(hidden)
        for start in range(0, len(targets), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            scores = linear(hidden[part], weight, bias).float()
            every = torch.log_softmax(scores, dim=-1)
            log_probs[part] = every.gather(1, targets[part, None])[:, 0]
            top[part] = every.argmax(dim=-1) == targets[part]
            mass = every.exp()
            entropy[part] = -torch.linalg.vecdot(mass, every)
            towards[part] = weight[targets[part]] - mass.to(weight.dtype) @ weight
        ctx.save_for_backward(towards)
        ctx.mark_non_differentiable(entropy, top)
        return log_probs, entropy, top

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        """The gradient of the hidden states; everything else is frozen."""
        (towards,) = ctx.saved_tensors
        return (towards * grads[0][:, None]).to(towards.dtype), None, None, None
