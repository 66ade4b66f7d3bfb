"""Functions of PyTorch, by the names of our specs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from examples.conformance.entry import Entry

IGNORED = -100


def _labels(y: Tensor, m: Tensor) -> Tensor:
    return torch.where(m, y, IGNORED)


# attention: one axis of rows, which is the batch, and one head, unless heads are named


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]


def attention_math(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.MATH):
        return attention(q, k, v)


def attention_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], is_causal=True)[:, 0]


def attention_masked(q: Tensor, k: Tensor, v: Tensor, m: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], m[:, None])[:, 0]


def attention_window(q: Tensor, k: Tensor, v: Tensor, W: int) -> Tensor:
    T, U = q.shape[1], k.shape[1]
    last = torch.arange(T)[:, None] + U - T
    u = torch.arange(U)
    seen = (last - W < u) & (u <= last)
    return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], seen)[:, 0]


def attention_grouped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(
        q[None], k[None], v[None], is_causal=True, enable_gqa=True
    )[0]


def multi_head_attention(
    x: Tensor,
    W_Q: Tensor,
    W_K: Tensor,
    W_V: Tensor,
    W_O: Tensor,
    c_Q: Tensor,
    c_K: Tensor,
    c_V: Tensor,
    c_O: Tensor,
) -> Tensor:
    H, _, D = W_Q.shape
    attn = torch.nn.MultiheadAttention(D, H, batch_first=True, dtype=x.dtype)
    params = {
        "in_proj_weight": torch.cat([W.flatten(0, 1) for W in (W_Q, W_K, W_V)]),
        "in_proj_bias": torch.cat([c.flatten() for c in (c_Q, c_K, c_V)]),
        "out_proj.weight": W_O.flatten(1),
        "out_proj.bias": c_O,
    }
    T = x.shape[1]
    hidden = torch.ones(T, T, dtype=torch.bool).triu(1)
    keywords = {"attn_mask": hidden, "is_causal": True, "need_weights": False}
    result: Tensor = torch.func.functional_call(attn, params, (x, x, x), keywords)[0]
    return result


# losses


def cross_entropy(z: Tensor, y: Tensor, m: Tensor) -> Tensor:
    return F.cross_entropy(z, _labels(y, m), ignore_index=IGNORED)


def label_smoothing(z: Tensor, y: Tensor, m: Tensor, epsilon: float) -> Tensor:
    return F.cross_entropy(z, _labels(y, m), ignore_index=IGNORED, label_smoothing=epsilon)


def linear_cross_entropy(h: Tensor, y: Tensor, m: Tensor, W: Tensor) -> Tensor:
    loss: Tensor = F.linear_cross_entropy(h, W, _labels(y, m), ignore_index=IGNORED)
    return loss


def kl_div(z: Tensor, w: Tensor, m: Tensor, tau: float) -> Tensor:
    student, teacher = F.log_softmax(z / tau, -1), F.log_softmax(w / tau, -1)
    kl = F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)
    return tau**2 * kl[m].mean()


def kl_divergence(z: Tensor, w: Tensor, m: Tensor, tau: float) -> Tensor:
    student = torch.distributions.Categorical(logits=z / tau)
    teacher = torch.distributions.Categorical(logits=w / tau)
    return tau**2 * torch.distributions.kl_divergence(student, teacher)[m].mean()


def entropy(z: Tensor, m: Tensor) -> Tensor:
    return torch.distributions.Categorical(logits=z).entropy()[m].mean()


def logsigmoid(lw: Tensor, ll: Tensor, rw: Tensor, rl: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * ((lw - rw) - (ll - rl))).mean()


def binary_cross_entropy(s: Tensor, right: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(s, right.to(s.dtype))


# layers


def rms_norm(x: Tensor, g: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], g, eps)


def layer_norm(x: Tensor, g: Tensor, c: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], g, c, eps)


def gelu(x: Tensor, W_in: Tensor, c_in: Tensor, W_out: Tensor, c_out: Tensor) -> Tensor:
    return F.linear(F.gelu(F.linear(x, W_in, c_in)), W_out, c_out)


def gelu_tanh(x: Tensor, W_in: Tensor, c_in: Tensor, W_out: Tensor, c_out: Tensor) -> Tensor:
    return F.linear(F.gelu(F.linear(x, W_in, c_in), approximate="tanh"), W_out, c_out)


def silu(x: Tensor, W_gate: Tensor, W_up: Tensor, W_down: Tensor) -> Tensor:
    return F.linear(F.silu(F.linear(x, W_gate)) * F.linear(x, W_up), W_down)


# optimisers: the functions below torch.optim's classes, whose steps are in place


def sgd_step(
    theta: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float, decay: float
) -> dict[str, Tensor]:
    return _sgd(theta, g, v, lr, momentum, decay, nesterov=False)


def sgd_nesterov_step(
    theta: Tensor, g: Tensor, v: Tensor, lr: float, momentum: float, decay: float
) -> dict[str, Tensor]:
    return _sgd(theta, g, v, lr, momentum, decay, nesterov=True)


def _sgd(
    theta: Tensor,
    g: Tensor,
    v: Tensor,
    lr: float,
    momentum: float,
    decay: float,
    nesterov: bool,
) -> dict[str, Tensor]:
    theta, v = theta.clone(), v.clone()
    sgd(
        [theta],
        [g],
        [v],
        foreach=False,
        weight_decay=decay,
        momentum=momentum,
        lr=lr,
        dampening=0,
        nesterov=nesterov,
        maximize=False,
    )
    return {"theta_new": theta, "v_new": v}


def adamw_step(
    theta: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
) -> dict[str, Tensor]:
    return _adamw(theta, g, m, v, t, lr, beta1, beta2, eps, decay, differentiable=False)


def adamw_differentiable_step(
    theta: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
) -> dict[str, Tensor]:
    return _adamw(theta, g, m, v, t, lr, beta1, beta2, eps, decay, differentiable=True)


def _adamw(
    theta: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    differentiable: bool,
) -> dict[str, Tensor]:
    theta, m, v = theta.clone(), m.clone(), v.clone()
    adamw(
        [theta],
        [g],
        [m],
        [v],
        [],
        [torch.tensor(t - 1)],  # in float32, as torch.optim holds it
        foreach=False,
        differentiable=differentiable,
        amsgrad=False,
        beta1=beta1,
        beta2=beta2,
        lr=lr,
        weight_decay=decay,
        eps=eps,
        maximize=False,
    )
    return {"theta_new": theta, "m_new": m, "v_new": v}


_SDPA = "F.scaled_dot_product_attention"

ENTRIES = (
    Entry(_SDPA, "lawful.attention_masks.Attention", attention, "every query sees every key"),
    Entry(
        f"{_SDPA}, the math backend",
        "lawful.attention_masks.Attention",
        attention_math,
        "every query sees every key",
    ),
    Entry(
        f"{_SDPA}, is_causal",
        "lawful.attention_masks.CausalAttentionTopLeft",
        attention_causal,
        "aligned at the top left where there are more keys than queries, or fewer",
    ),
    Entry(
        f"{_SDPA}, attn_mask",
        "lawful.attention_masks.MaskedAttention",
        attention_masked,
        "a boolean mask; a query that may look at nothing reads 0",
    ),
    Entry(
        f"{_SDPA}, a window as attn_mask",
        "lawful.attention_masks.SlidingWindowAttention",
        attention_window,
        "the last W keys, the query's own among them; a query before all keys reads 0",
    ),
    Entry(
        f"{_SDPA}, enable_gqa",
        "lawful.attention_heads.GroupedQueryAttention",
        attention_grouped,
        "query head h reads key-value head h // (H // G)",
    ),
    Entry(
        "nn.MultiheadAttention",
        "attention.BiasedCausalSelfAttention",
        multi_head_attention,
        "causal, with biases on all four projections",
    ),
    Entry(
        "F.cross_entropy, ignore_index",
        "lawful.losses.cross_entropy.CrossEntropy",
        cross_entropy,
        "a mean over the positions that are not ignored",
        why=(
            "In bfloat16 its log-softmax is rounded before the gradient is taken of it: "
            "where a probability is close to 1, what is left of p - 1 is a rounding error."
        ),
    ),
    Entry(
        "F.cross_entropy, label_smoothing, ignore_index",
        "lawful.losses.cross_entropy.LabelSmoothing",
        label_smoothing,
        "the smoothed mass is spread over all classes, the right one among them",
    ),
    Entry(
        "F.linear_cross_entropy",
        "lawful.losses.sharded.LinearCrossEntropy",
        linear_cross_entropy,
        "a mean over the positions that are not ignored",
        why=(
            "In bfloat16 the gradient of its scores is rounded before the product, and at "
            "large scores, where few of them count, the errors do not average out."
        ),
    ),
    Entry(
        "F.kl_div, log_target",
        "lawful.losses.distillation.ForwardKL",
        kl_div,
        "KL(target, input): the input is the student",
        why=(
            "In bfloat16 its log-softmax is rounded before the gradient is taken of it: "
            "where a probability is close to 1, what is left of p - 1 is a rounding error."
        ),
    ),
    Entry(
        "distributions.kl_divergence of two Categorical",
        "lawful.losses.distillation.ReverseKL",
        kl_divergence,
        "KL(p, q) in the order of the arguments",
        why=(
            "It multiplies probabilities, and returns infinity where the second one underflows to "
            "0 although its logarithm is finite: exp(-2e4) is 0 in every format."
        ),
    ),
    Entry(
        "distributions.Categorical.entropy",
        "lawful.rl.ppo.EntropyBonus",
        entropy,
        "in nats",
        why=(
            "It refuses NaN in logits that nothing reads; and in bfloat16 its log-softmax "
            "is rounded before the gradient is taken of it."
        ),
    ),
    Entry(
        "F.logsigmoid",
        "lawful.losses.dpo.DPO",
        logsigmoid,
        "the logistic loss of the margin",
    ),
    Entry(
        "F.binary_cross_entropy_with_logits",
        "lawful.losses.reward.BinaryCrossEntropy",
        binary_cross_entropy,
        "a mean over all labels",
    ),
    Entry("F.rms_norm", "lawful.norms.RMSNorm", rms_norm, "the constant inside the root"),
    Entry(
        "F.layer_norm",
        "lawful.norms.LayerNorm",
        layer_norm,
        "the constant inside the root",
        why=(
            "Each element is x · rstd − mean · rstd, not (x − mean) · rstd. In a row of equal "
            "numbers, or of one number, the difference is 0 and what is left is rounding of "
            "products that are some hundred times larger, rstd being 1 / sqrt(eps) there. The "
            "expected 0 of rows of one number leaves no room for it."
        ),
    ),
    Entry("F.gelu", "lawful.mlp.FeedForward", gelu, "the exact GELU"),
    Entry(
        "F.gelu, approximate='tanh'",
        "lawful.mlp.FeedForwardTanhGELU",
        gelu_tanh,
        "the tanh approximation",
    ),
    Entry("F.silu", "lawful.mlp.SwiGLU", silu, "silu(gate) times up"),
    Entry(
        "optim.sgd.sgd, one step",
        "optim.SGDMomentum",
        sgd_step,
        "momentum without dampening, decay added to the gradient",
    ),
    Entry(
        "optim.sgd.sgd, nesterov, one step",
        "optim.SGDNesterov",
        sgd_nesterov_step,
        "decay added to the gradient",
    ),
    Entry(
        "optim.adamw.adamw, one step",
        "lawful.optim.AdamW",
        adamw_step,
        "decay before the step; eps outside the root of the corrected second moment",
    ),
    Entry(
        "optim.adamw.adamw, differentiable, one step",
        "lawful.optim.AdamW",
        adamw_differentiable_step,
        "decay before the step; eps outside the root of the corrected second moment",
        why=(
            "Bias corrections are powers of the step counter, a float32 tensor: in float64 they "
            "are accurate to float32. The ordinary step takes the counter as a Python number and "
            "is exact."
        ),
    ),
)
