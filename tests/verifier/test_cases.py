"""Cases are kept in files, exactly, and tried again: those that fit first, never too many."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import lawful
import numpy as np
import pytest
import torch
from lawful.compiler import typed as t
from lawful.verifier.cases import MOST, CaseError, Kept, Misfit, fitted, kept_cases, read, save
from lawful.verifier.flatten import flatten
from lawful.verifier.plan import Options, all_cases
from lawful.verifier.regimes import Case
from lawful.verifier.settings import Setting
from torch import Tensor

SPEC = """\
module Rows
size B, T, W = T + 1
index b: B   t: T   w: W
input x[B, T]
input k[B] in T
input keep[B, T] in bool
const scale = 0.1
const top = inf
random r[B, W] ~ uniform(0, 1)
require scale > 0
output y[b] = sum[t if keep[b,t]] scale * x[b,t]
output n[b] = (sum[w] r[b,w]) + k[b] + (if top > 3 then 1 else 0)

module Twice
size B
index b: B
input x[B]
output y[b] = 2 * x[b]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spec")
    (folder / "m.eq").write_text(SPEC, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rows(root: Path) -> t.Module:
    return flatten(lawful.load("m.Rows", root))


def kept(module: t.Module, dtype: str = "float32", seed: int = 0) -> Kept:
    options = Options(dtypes=(dtype,), seed=seed)
    return Kept(module.qualified, "values", dtype, next(all_cases(module, options)))


def changed(path: Path, change: Callable[[Any], object]) -> Path:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_case_comes_back_as_it_was(rows: t.Module, tmp_path: Path, dtype: str) -> None:
    before = kept(rows, dtype)
    path = save(tmp_path, before)
    assert path.parent == tmp_path / "m.Rows"
    after = read(path)
    assert (after.module, after.check, after.dtype) == ("m.Rows", "values", dtype)
    assert after.case.file == str(path) and after.case.bits == before.case.bits
    assert after.case.setting == before.case.setting
    assert after.case.setting.consts["scale"] == Fraction(1, 10)
    for old, new in (
        (before.case.tensors, after.case.tensors),
        (before.case.cotangents, after.case.cotangents),
    ):
        assert list(old) == list(new)
        for name, array in old.items():
            assert array.dtype == new[name].dtype and np.array_equal(array, new[name])
    assert fitted(after, rows) is after.case


def test_the_same_case_is_kept_once(rows: t.Module, tmp_path: Path) -> None:
    assert save(tmp_path, kept(rows)) == save(tmp_path, kept(rows))
    assert len(list((tmp_path / "m.Rows").iterdir())) == 1


def test_the_oldest_go_where_there_are_too_many(rows: t.Module, tmp_path: Path) -> None:
    paths = [save(tmp_path, kept(rows, seed=seed)) for seed in range(MOST + 3)]
    assert set((tmp_path / "m.Rows").iterdir()) == set(paths[3:])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d.update(version=2), "is no case of version 1"),
        (lambda d: d.pop("version"), "is no case of version 1"),
        (lambda d: d.pop("tensors"), "there is no 'tensors'"),
        (lambda d: d.update(dtype="int8"), "its dtype is int8"),
        (lambda d: d["sizes"].update(B="2"), "'2' is no integer of 1 or more"),
        (lambda d: d["sizes"].update(B=0), "0 is no integer of 1 or more"),
        (lambda d: d.update(sizes=[1]), "is no case"),
        (lambda d: d["consts"].update(scale="1/0"), "is no case"),
        (lambda d: d["consts"].update(scale="nan"), "is no case"),
        (lambda d: d["tensors"]["x"]["numbers"].pop(), "cannot reshape"),
        (lambda d: d["tensors"]["x"]["numbers"].__setitem__(0, "nan"), "are finite"),
        (lambda d: d["tensors"]["x"]["numbers"].__setitem__(0, "one"), "is no case"),
        (lambda d: d["tensors"]["k"]["numbers"].__setitem__(0, 1.5), "are of type int"),
        (lambda d: d["tensors"]["keep"]["numbers"].__setitem__(0, 1), "are of type bool"),
        (lambda d: d["tensors"]["x"].update(type="complex"), "is no case"),
    ],
)
def test_a_malformed_file_is_an_error_that_names_it(
    rows: t.Module, tmp_path: Path, change: Callable[[Any], object], why: str
) -> None:
    path = changed(save(tmp_path, kept(rows)), change)
    with pytest.raises(CaseError) as caught:
        read(path)
    assert str(path) in str(caught.value) and why in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\x00"])
def test_what_is_no_json_of_ours_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "case.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CaseError):
        read(path)
    with pytest.raises(CaseError):
        read(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d.update(module="m.Other"), "it is a case of m.Other"),
        (lambda d: d["sizes"].pop("T"), "there is no size"),
        (lambda d: d["sizes"].update(Q=2), "the sizes are"),
        (lambda d: d["sizes"].update(W=1), "the derived sizes are others"),
        (lambda d: d["consts"].pop("top"), "the consts are"),
        (lambda d: d["consts"].update(scale="-1"), "does not satisfy what is required"),
        (lambda d: d["tensors"].pop("x"), "the tensors are"),
        (lambda d: d["tensors"].update(x=d["tensors"]["k"]), "x has another type or shape"),
        (lambda d: d["tensors"].update(k=d["tensors"]["x"]), "k has another type or shape"),
        (lambda d: d["tensors"]["k"]["numbers"].__setitem__(0, 99), "k is outside of its range"),
        (lambda d: d["tensors"]["k"]["numbers"].__setitem__(0, -1), "k is outside of its range"),
        (lambda d: d["tensors"]["r"]["numbers"].__setitem__(0, "0x1p+0"), "r is outside"),
        (lambda d: d["cotangents"].pop("y"), "the real outputs are"),
        (lambda d: d["cotangents"].update(y=d["tensors"]["x"]), "y has another shape"),
    ],
)
def test_a_case_that_no_longer_fits_is_passed_over_with_a_note(
    rows: t.Module, tmp_path: Path, change: Callable[[Any], object], why: str
) -> None:
    path = changed(save(tmp_path, kept(rows)), change)
    with pytest.raises(Misfit, match=why):
        fitted(read(path), rows)
    cases, notes = kept_cases(rows, Options(cases=tmp_path))
    assert cases == [] and len(notes) == 1
    assert notes[0].startswith(f"{path} is passed over") and why in notes[0]


def test_a_run_takes_the_cases_of_its_formats(rows: t.Module, tmp_path: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        save(tmp_path, kept(rows, dtype))
    for dtypes, count in {("float32",): 1, ("float64",): 0, ("float32", "bfloat16"): 2}.items():
        cases, notes = kept_cases(rows, Options(dtypes=dtypes, cases=tmp_path))
        assert len(cases) == count and notes == []


# --- runs -------------------------------------------------------------------------------------


def twice(x: Tensor) -> Tensor:
    return 2 * x


def at_seven(x: Tensor) -> Tensor:
    """Wrong where no ordinary case looks."""
    return torch.where(x == 7, 0.0, 2 * x)


def seven() -> Case:
    setting = Setting({"B": 2}, {})
    tensors, cotangents = {"x": np.array([7.0, 1.0])}, {"y": np.ones(2)}
    return Case("typical", 0, 24, setting, tensors, cotangents)


def verify(root: Path, f: Callable[..., Any], **options: Any) -> Any:
    return lawful.verify("m.Twice", f, dtypes=["float32"], root=root, **options)


def test_a_kept_case_is_tried_first_in_the_next_run(root: Path, tmp_path: Path) -> None:
    assert verify(root, at_seven).ok
    path = save(tmp_path, Kept("m.Twice", "values", "float32", seven()))
    report = verify(root, at_seven, cases=tmp_path)
    assert report.verdict == "WRONG" and len(report.failures[0].replay) > 0
    assert report.failures[0].command == report.failures[0].replay
    assert str(path) in report.failures[0].command
    assert str(report.failures[0]).count(str(path)) == 1
    assert verify(root, twice, cases=tmp_path).ok
    assert path.exists(), "a case that passes is kept"


def test_a_failure_is_kept_and_tried_alone(root: Path, tmp_path: Path) -> None:
    def shifted(x: Tensor) -> Tensor:
        return 2 * x + (x > 1.5)

    report = verify(root, shifted, cases=tmp_path)
    (path,) = (tmp_path / "m.Twice").glob("*.json")
    assert f'case="{path}"' in report.failures[0].replay
    alone = verify(root, shifted, case=path)
    assert alone.verdict == "WRONG" and alone.cases == 1
    assert alone.failures[0].smallest == report.failures[0].smallest
    again = verify(root, twice, case=path)
    assert again.ok and again.cases == 1
    assert {check.name for check in again.checks} >= {"values", "gradients"}


def test_a_case_of_another_module_shows_nothing(root: Path, rows: t.Module, tmp_path: Path) -> None:
    path = save(tmp_path, kept(rows))
    report = verify(root, twice, case=path)
    assert report.verdict == "INCONCLUSIVE" and "it is a case of m.Rows" in str(report)
    assert report.as_dict()["notes"] == report.notes


def test_without_a_folder_nothing_is_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failure = verify(root, lambda x: x).failures[0]
    assert failure.smallest and not failure.replay
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_noted(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    report = verify(root, lambda x: x, cases=tmp_path / "file")
    assert report.verdict == "WRONG" and "could not be kept" in report.notes[0]


def test_cases_are_of_implementations_alone(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cases are those of an implementation"):
        lawful.verify("m.Twice", against="m.Twice", root=root, cases=tmp_path)


def test_what_is_shrunk_is_what_is_kept(rows: t.Module, tmp_path: Path) -> None:
    """The file of a case that changes nothing has the same name."""
    first = kept(rows)
    other = replace(first, case=replace(first.case, seed=9))
    assert save(tmp_path, first) != save(tmp_path, other)
