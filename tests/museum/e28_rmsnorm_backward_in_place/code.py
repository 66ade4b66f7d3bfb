import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


class RMSNorm(torch.autograd.Function):
    """The norm; its gradient goes where `memory` says."""

    @staticmethod
    def forward(ctx, h, g, eps, memory):
        root = torch.rsqrt(wide(h).square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(h, g, root)
        ctx.memory = memory
        return (wide(h) * root * wide(g)).to(h.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        h, g, root = ctx.saved_tensors
        unit, inner = wide(h) * root, wide(grad_output) * wide(g)
        dg = (wide(grad_output) * unit).sum((0, 1)).to(g.dtype)
        dh = root * (inner - unit * (inner * unit).mean(-1, keepdim=True))
        return ctx.memory(grad_output).data.copy_(dh), dg, None, None


def right(x, h, params, eps):
    return x + RMSNorm.apply(h, params["norm.g"], eps, torch.empty_like)


def wrong(x, h, params, eps):
    return x + RMSNorm.apply(h, params["norm.g"], eps, lambda grad_output: grad_output)
