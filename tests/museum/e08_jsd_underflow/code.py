import math

import torch
from torch import log_softmax, where


def _logs(z, w, tau):
    """Log-probabilities of student and teacher."""
    return (log_softmax((x.float() if x.itemsize < 4 else x) / tau, dim=-1) for x in (z, w))


def _mean(student, teacher, mixture, m, beta, dtype):
    of_teacher = (teacher.exp() * (teacher - mixture)).sum(-1)
    of_student = (student.exp() * (student - mixture)).sum(-1)
    rows = beta * of_teacher + (1 - beta) * of_student
    return (where(m, rows, 0).sum() / m.sum()).to(dtype)


def right(z, w, m, beta, tau):
    student, teacher = _logs(z, w, tau)
    mixture = torch.logaddexp(teacher + math.log(beta), student + math.log(1 - beta))
    return _mean(student, teacher, mixture, m, beta, z.dtype)


def wrong(z, w, m, beta, tau):
    student, teacher = _logs(z, w, tau)
    mixture = (beta * teacher.exp() + (1 - beta) * student.exp()).log()
    return _mean(student, teacher, mixture, m, beta, z.dtype)
