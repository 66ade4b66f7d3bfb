import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def right_einsum(q, k, v):
    s = torch.einsum("bti,bui->btu", wide(q), wide(k)) * q.shape[-1] ** -0.5
    return torch.einsum("btu,bui->bti", s.softmax(-1), wide(v)).to(q.dtype)


def right_sdpa(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v)


def right_online_tiles(q, k, v):
    """Two keys at a time, with a running maximum, mass and read-out."""
    q = wide(q) / q.shape[-1] ** 0.5
    top = q.new_full((*q.shape[:-1], 1), -torch.inf)
    mass, read = torch.zeros_like(top), torch.zeros_like(q)
    for keys, values in zip(wide(k).split(2, 1), wide(v).split(2, 1), strict=True):
        s = q @ keys.mT
        new = torch.maximum(top, s.amax(-1, keepdim=True))
        weights, kept = (s - new).exp(), (top - new).exp()
        mass = mass * kept + weights.sum(-1, keepdim=True)
        read = read * kept + weights @ values
        top = new
    return (read / mass).to(v.dtype)
