import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def averaged(difference, m):
    return torch.where(m, difference, 0).sum(-1) / m.sum(-1)


def right(lw, ll, rw, rl, m_w, m_l, tau):
    h_w, h_l = averaged(wide(lw) - wide(rw), m_w), averaged(wide(ll) - wide(rl), m_l)
    return (h_w - h_l - 0.5 / tau).square().mean().to(lw.dtype)
