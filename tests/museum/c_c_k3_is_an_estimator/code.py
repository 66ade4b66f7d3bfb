import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right(z, w):
    p, q = torch.log_softmax(wide(z), -1), torch.log_softmax(wide(w), -1)
    kl = torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
    mean_k3 = (p.exp() * (torch.expm1(q - p) - (q - p))).sum(-1)
    return kl.to(z.dtype), mean_k3.to(z.dtype)
