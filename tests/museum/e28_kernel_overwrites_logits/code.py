import torch
import torch.nn.functional as F


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


class InPlace(torch.autograd.Function):
    """The mean loss of logits, which it overwrites with its gradient."""

    @staticmethod
    def forward(ctx, z, y):
        logp = torch.log_softmax(z, -1)
        z.data.copy_((logp.exp() - F.one_hot(y, z.shape[-1])) / len(y))
        ctx.save_for_backward(z.detach())
        return -logp.gather(-1, y[:, None]).mean()

    @staticmethod
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        return gradient * grad_output, None


class ScoresInPlace(torch.autograd.Function):
    """The softmax too, and the same memory."""

    @staticmethod
    def forward(ctx, a, y):
        ctx.save_for_backward(a.clone(), y)
        loss = right(a.detach(), y)
        a.data.copy_(torch.softmax(wide(a), -1))
        return loss

    @staticmethod
    def backward(ctx, grad_output):
        a, y = ctx.saved_tensors
        with torch.enable_grad():
            a = a.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(right(a, y), a, grad_output)
        return gradient, None


def right(a, y):
    return F.cross_entropy(torch.softmax(wide(a), -1), y).to(a.dtype)


def right_on_a_copy(a, y):
    return InPlace.apply(torch.softmax(wide(a), -1).clone(), y).to(a.dtype)


def wrong_saved_output(a, y):
    return InPlace.apply(torch.softmax(wide(a), -1), y).to(a.dtype)


def wrong_input(a, y):
    return ScoresInPlace.apply(a, y)
