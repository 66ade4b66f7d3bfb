"""`lawful verify` of what is unchanged since it was OK; and that any change verifies anew."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lawful.cli import cache as kept
from lawful.cli import remembered
from lawful.cli import verify as command
from lawful.compiler.outputs import is_generated
from lawful.verifier import cases
from lawful.verifier.report import Check, Failure, Report, from_dict

Run = Callable[..., tuple[int, str, str]]

USER = """import Scale from scale

module User
size B
index b: B
input x[B]
y = Scale(x)
output z[b] = y[b] + 1
"""
FAILURE = Failure("values", "float64", "typical", 0, "y", (0,), "1", "2", 9.0, "", "", "", "again")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    """Change generated code, and seal it as the compiler would."""
    text = path.read_text(encoding="utf-8").replace(old, new)
    head, _, rest = text.partition(", sha256 ")
    body = rest.split("\n", 1)[1]
    seal = hashlib.sha256(body.encode()).hexdigest()
    path.write_text(f"{head}, sha256 {seal}\n{body}", encoding="utf-8")
    assert is_generated(path.read_text(encoding="utf-8"))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that are verified, each of which is OK at once."""
    seen: list[str] = []

    def verify_task(task, tick=lambda: None):  # type: ignore[no-untyped-def]
        seen.append(task.module.qualified)
        check = Check("values", "every output is the equation's", 3, 10, 1, 0.25)
        return Report(task.module.qualified, "it", [check], task.options.dtypes, 1.5)

    monkeypatch.setattr(command, "verify_task", verify_task)
    return seen


@pytest.fixture
def verified(project: Path, lawful: Run, tried: list[str]) -> Path:
    """A project of three specs, one of which imports another, verified."""
    (project / "spec" / "user.eq").write_text(USER, encoding="utf-8")
    lawful("build")
    assert lawful("verify", "--jobs", 1)[0] == 0
    assert tried == ["parts.shift.Shift", "scale.Scale", "user.User"]
    tried.clear()
    return project


def again(lawful: Run, tried: list[str], *arguments: object) -> list[str]:
    """What another run verifies."""
    tried.clear()
    lawful("verify", "--jobs", 1, *arguments)
    return tried


def test_what_is_unchanged_is_told_from_the_cache(
    verified: Path, lawful: Run, tried: list[str]
) -> None:
    status, out, _ = lawful("verify", "--json", "reports.json")
    assert (status, tried) == (0, [])
    lines = out.splitlines()
    assert lines[1].split() == ["parts.shift.Shift", *"values 3 10 1 0.25 OK cached".split()]
    assert lines[-1] == "3 modules verified: 3 OK (3 from the cache)"
    reports = json.loads((verified / "reports.json").read_text())["reports"]
    assert [report["cached"] for report in reports] == [True] * 3
    assert reports[0]["seconds"] == 1.5 and reports[0]["checks"][0]["worst"] == 0.25
    assert again(lawful, tried, "user") == []


def test_a_real_report_comes_back_as_it_was(project: Path, lawful: Run) -> None:
    lawful("build")
    found = []
    for name in ("first.json", "second.json"):
        assert lawful("verify", "scale", "--jobs", 1, "--json", name)[0] == 0
        (report,) = json.loads((project / name).read_text())["reports"]
        found.append(report)
    assert [report.pop("cached") for report in found] == [False, True]
    assert found[0] == found[1]


def test_no_cache_verifies_all_the_same(verified: Path, lawful: Run, tried: list[str]) -> None:
    assert again(lawful, tried, "--no-cache") == ["parts.shift.Shift", "scale.Scale", "user.User"]
    assert again(lawful, tried) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("spec/parts/shift.eq", "+ 3", "+ 3.0", ["parts.shift.Shift"]),
        ("spec/scale.eq", "Twice", "Two times", ["scale.Scale", "user.User"]),
        ("spec/user.eq", "+ 1", "+ 1.0", ["user.User"]),
    ],
)
def test_another_spec_is_verified_with_what_imports_it(
    verified: Path,
    lawful: Run,
    tried: list[str],
    file: str,
    old: str,
    new: str,
    expected: list[str],
) -> None:
    change(verified / file, old, new)
    assert again(lawful, tried) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("parts/shift.py", ["parts.shift.Shift"]),
        ("parts/__init__.py", ["parts.shift.Shift"]),
        ("scale.py", ["scale.Scale", "user.User"]),
        ("__init__.py", ["parts.shift.Shift", "scale.Scale", "user.User"]),
    ],
)
def test_other_code_is_verified_with_what_imports_it(
    verified: Path, lawful: Run, tried: list[str], file: str, expected: list[str]
) -> None:
    path = verified / "generated" / file
    edit(path, '"""', '"""Well. ')
    assert again(lawful, tried) == expected
    assert again(lawful, tried) == [], "it is OK and sealed"
    change(path, "Well. ", "Oh. ")
    for _ in range(2):
        assert again(lawful, tried) == expected, "it was edited by hand"
    path.unlink()
    assert again(lawful, tried) == expected


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import math, os",
        "import math; import os",
        "import math as torch, os",
        "    import math",
        "from os import path",
        "from . import scale",
        "from ...far import away",
        "from lawful.verifier import oracle",
        "from .gone import nothing",
        'x = "how to import"',
        "from math import pi; from os import path",
    ],
)
def test_code_that_may_rest_on_more_is_never_kept(
    verified: Path, lawful: Run, tried: list[str], line: str
) -> None:
    edit(verified / "generated" / "scale.py", "import torch\n", f"import torch\n{line}\n")
    for _ in range(2):
        assert again(lawful, tried) == ["scale.Scale", "user.User"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--level", "full"),
        ("--dtype", "float64"),
        ("--seed", 1),
        ("--regime", "typical"),
    ],
)
def test_other_options_verify_anew(
    verified: Path, lawful: Run, tried: list[str], arguments: tuple[object, ...]
) -> None:
    assert len(again(lawful, tried, *arguments)) == 3
    assert again(lawful, tried, *arguments) == []
    assert again(lawful, tried) == []


def test_another_device_and_a_case_alone_are_never_kept(verified: Path) -> None:
    selected = command.selection([], None, None)
    assert selected is not None
    options = command._options("quick", (), "cpu", 0, None)
    assert len(remembered.keys(selected, options)) == 3
    assert remembered.keys(selected, replace(options, device="cuda")) == {}
    assert remembered.keys(selected, replace(options, case=Path("a.json"))) == {}


@pytest.mark.parametrize(
    "other",
    [
        lambda patch: patch.setattr(kept, "sources", lambda: "another verifier"),
        lambda patch: patch.setattr(platform, "node", lambda: "another machine"),
        lambda patch: patch.setattr(platform, "platform", lambda: "another system"),
        lambda patch: patch.setenv("ATEN_CPU_CAPABILITY", "default"),
        *(
            lambda patch, name=name: patch.setattr(
                kept, "versions", lambda *names: ["2" if n == name else "1" for n in names]
            )
            for name in ("torch", "numpy", "sympy", "mpmath", "python-flint")
        ),
    ],
)
def test_another_verifier_library_or_machine_verifies_anew(
    project: Path,
    lawful: Run,
    tried: list[str],
    monkeypatch: pytest.MonkeyPatch,
    other: Callable[[pytest.MonkeyPatch], None],
) -> None:
    lawful("build")
    monkeypatch.setattr(kept, "versions", lambda *names: ["1" for _ in names])
    assert len(again(lawful, tried)) == 2 and again(lawful, tried) == []
    with monkeypatch.context() as patch:
        other(patch)
        assert len(again(lawful, tried)) == 2
    assert again(lawful, tried) == []


def test_a_kept_case_verifies_anew(verified: Path, lawful: Run, tried: list[str]) -> None:
    folder = verified / cases.FOLDER / "scale.Scale"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text("{}")
    assert again(lawful, tried) == ["scale.Scale"]
    assert again(lawful, tried) == []
    (folder / "1.json").write_text("{ }")
    assert again(lawful, tried) == ["scale.Scale"]
    (folder / "1.json").rename(folder / "2.json")
    assert again(lawful, tried) == ["scale.Scale"]


@pytest.mark.parametrize("spoil", ["failure", "doubt", "loss", "nothing"])
def test_only_what_is_right_is_kept(
    verified: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    tries = []

    def verify_task(task, tick=lambda: None):  # type: ignore[no-untyped-def]
        tries.append(task.module.qualified)
        check = Check("values", "claim", 0 if spoil == "nothing" else 3)
        if spoil == "doubt":
            check.doubt("nothing was compared")
        if spoil == "loss":
            check.lose("float32", np.full(200, 5.0))
        if spoil == "failure":
            check.failures.append(FAILURE)
        return Report(task.module.qualified, "it", [check], task.options.dtypes)

    monkeypatch.setattr(command, "verify_task", verify_task)
    assert lawful("verify", "scale", "--no-cache")[0] == 1
    assert lawful("verify", "scale")[0] == 1
    assert tries == ["scale.Scale"] * 2, "what was OK before is let go of, too"


def test_a_spoilt_entry_is_none(verified: Path, lawful: Run, tried: list[str], cache: Path) -> None:
    for path in (cache / "lawful" / remembered.KIND).iterdir():
        path.write_bytes(path.read_bytes().replace(b"0.25", b"0.05"))
    assert len(again(lawful, tried)) == 3
    assert again(lawful, tried) == []


def test_what_changes_while_it_is_verified_is_not_kept(
    verified: Path, lawful: Run, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = command.verify_task

    def verify_task(task, tick=lambda: None):  # type: ignore[no-untyped-def]
        edit(verified / "generated" / "scale.py", '"""', '"""Well. ')
        return real(task, tick)

    with monkeypatch.context() as patch:
        patch.setattr(command, "verify_task", verify_task)
        lawful("verify", "scale", "--no-cache")
    edit(verified / "generated" / "scale.py", '"""Well. ', '"""')
    assert again(lawful, tried, "user", "scale") == [], "the report from before still holds"
    edit(verified / "generated" / "scale.py", '"""', '"""Well. ')
    assert again(lawful, tried) == ["scale.Scale", "user.User"]


def test_implementations_and_other_specs_are_always_verified(
    verified: Path, lawful: Run, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (verified / "mine.py").write_text("def scale(x, gamma=2.0):\n    return gamma * x\n")
    monkeypatch.syspath_prepend(str(verified))
    for _ in range(2):
        assert again(lawful, tried, "scale", "--impl", "mine:scale") == ["scale.Scale"]
        assert again(lawful, tried, "scale", "--against", "scale") == ["scale.Scale"]


def test_a_spec_with_a_warning_is_always_verified(
    verified: Path, lawful: Run, tried: list[str]
) -> None:
    path = verified / "spec" / "parts" / "shift.eq"
    path.write_text(path.read_text(encoding="utf-8") + "size V\n", encoding="utf-8")
    for _ in range(2):
        assert again(lawful, tried) == ["parts.shift.Shift"]


def test_a_report_comes_back_from_its_dictionary() -> None:
    check = Check("values", "claim", 3, 10, 1, 0.25, notes=["a note"], unit="instances")
    check.lose("float32", np.arange(300.0))
    report = Report("a.B", "it", [check], ("float64", "float32"), 1.234, ["told"])
    back = from_dict(json.loads(json.dumps(report.as_dict())))
    assert back.as_dict() == report.as_dict() and back.verdict == report.verdict
    assert from_dict(report.as_dict(), cached=True).cached
