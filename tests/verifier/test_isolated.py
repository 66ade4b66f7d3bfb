"""An implementation in a process of its own: the same function from here, and no more."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lawful.verifier.candidate import CandidateError
from lawful.verifier.isolated import Isolated

IMPLEMENTATION = '''
import os, subprocess, sys, time
from collections import namedtuple
import torch

buffer = torch.zeros(3)

def both(what, x, **others):
    """Whatever `what` names: one process serves all tests."""
    return globals()[what](x, **others)

def affine(x, params, n):
    print("not for the verifier's stdout")
    return {"y": params["w.g"] * x ** n, "top": x.argmax(-1), "one": 1.0, "none": None}

def named(x):
    return namedtuple("Result", ["y", "z"])(2 * x, x.detach())

def strides(x):
    return torch.tensor(x.stride()), x.to(torch.bfloat16), x[:0], x.sum()

def modes(x):
    return torch.tensor([torch.is_grad_enabled(), torch.is_inference_mode_enabled()]), (
        torch.tensor(1.0))

def fresh(x):
    return torch.empty(5), torch.empty(3, dtype=torch.bfloat16), torch.empty(4000)

def writes(x):
    x.mul_(2)
    return x + 0

def reuses(x):
    buffer.copy_(x.detach())
    return buffer

def raises(x):
    raise RuntimeError("no such kernel")

def quits(x):
    sys.exit(0)

def generator(x):
    return (i for i in x)

def exits(x):
    subprocess.Popen(["sleep", "600"])
    os._exit(0)

def aborts(x):
    os.abort()

def waits(x):
    time.sleep(600)

def babbles(x):
    for number in range(3, 20):
        try:
            os.write(number, b"\\0\\0\\0\\0\\0\\0\\0\\7nothing")
        except OSError:
            pass
    return x
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("isolated")
    (path / "far.py").write_text(IMPLEMENTATION, encoding="utf-8")
    sys.path.insert(0, str(path))
    yield str(path)
    sys.path.remove(str(path))


@pytest.fixture(scope="module")
def far(folder: str) -> Iterator[Isolated]:
    with Isolated("far:both") as isolated:
        yield isolated


def leaf(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, requires_grad=True)


def test_outputs_and_derivatives_are_the_implementation_s(far: Isolated) -> None:
    assert "far" not in sys.modules
    x, g = leaf(1.0, 2.0, 3.0), leaf(4.0, 5.0, 6.0)
    result = far(what="affine", x=x, params={"w.g": g}, n=2)
    y = result["y"]
    assert y.tolist() == [4.0, 20.0, 54.0] and result["top"].tolist() == 2
    assert (result["one"], result["none"]) == (1.0, None)
    for cotangent in (torch.ones(3), torch.tensor([0.0, 1.0, 0.0])):
        found = torch.autograd.grad(y, [x, g], cotangent, retain_graph=True)
        wanted = (2 * g * x * cotangent, x**2 * cotangent)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_a_named_tuple_comes_by_name_and_what_is_detached_stays_so(far: Isolated) -> None:
    result = far(what="named", x=leaf(1.0))
    assert set(result) == {"y", "z"}
    assert result["y"].requires_grad and not result["z"].requires_grad


def test_formats_shapes_and_strides_arrive(far: Isolated) -> None:
    x = torch.arange(12.0).reshape(3, 4).t()
    strides, short, nothing, total = far(what="strides", x=x)
    assert strides.tolist() == [1, 4] and torch.equal(short, x.bfloat16())
    assert nothing.shape == (0, 3) and total.shape == () and total == 66
    expanded = torch.arange(3.0)[:, None].expand(3, 4)
    assert far(what="strides", x=expanded)[0].tolist() == [1, 0]
    assert far(what="strides", x=torch.ones(1, 2, dtype=torch.float64)[:, 0])[3] == 1


def test_gradient_modes_hold_there_too(far: Isolated) -> None:
    assert far(what="modes", x=leaf(1.0))[0].tolist() == [True, False]
    with torch.no_grad():
        assert far(what="modes", x=leaf(1.0))[0].tolist() == [False, False]
    with torch.inference_mode():
        assert far(what="modes", x=leaf(1.0))[0].tolist() == [False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is not glibc's")
def test_memory_that_nobody_wrote_is_nan(far: Isolated) -> None:
    assert all(x.isnan().all() for x in far(what="fresh", x=leaf(1.0)))


def test_what_it_does_to_tensors_there_is_done_here(far: Isolated) -> None:
    x = torch.ones(3)
    far(what="writes", x=x)
    assert x.tolist() == [2.0, 2.0, 2.0]
    first = far(what="reuses", x=torch.ones(3))
    far(what="reuses", x=torch.zeros(3))
    assert first.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("raises", "it raises RuntimeError: no such kernel"),
        ("quits", "it raises SystemExit: 0"),
        ("missing", "it raises KeyError: 'missing'"),
    ],
)
def test_what_it_raises_is_said_and_the_process_lives(far: Isolated, what: str, said: str) -> None:
    with pytest.raises(CandidateError, match=said):
        far(what=what, x=leaf(1.0))
    assert far(what="named", x=leaf(1.0))["y"].tolist() == [2.0]


def test_what_is_no_tensor_keeps_the_name_of_its_type(far: Isolated) -> None:
    assert type(far(what="generator", x=leaf(1.0))).__name__ == "generator"


def test_what_it_prints_is_not_in_stdout(far: Isolated, capfd: pytest.CaptureFixture[str]) -> None:
    far(what="affine", x=leaf(1.0), params={"w.g": leaf(1.0)}, n=1)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("exits", "its process ended with status 0"),
        ("aborts", "its process ended with status -6"),
        ("waits", "it has not returned after 3 seconds"),
        ("babbles", "its process answers nonsense: "),
    ],
)
def test_a_process_that_ends_hangs_or_babbles_is_a_failure_from_then_on(
    folder: str, what: str, said: str
) -> None:
    with Isolated("far:both") as isolated:
        isolated.limit = 3.0
        for _ in range(2):
            with pytest.raises(CandidateError, match=said):
                isolated(what=what, x=torch.ones(1))


def test_what_cannot_be_imported_is_named(folder: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    with pytest.raises(CandidateError, match="`gone:f` cannot be imported: its process ended"):
        Isolated("gone:f")
