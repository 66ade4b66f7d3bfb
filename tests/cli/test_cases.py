"""`lawful verify` keeps the case of a failure beside the project, and tries it again."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

FOLDER = Path(".lawful", "cases", "scale.Scale")
IMPLEMENTATIONS = """import torch

def right(x, gamma=2.0):
    return gamma * x

def squared(x, gamma=2.0):
    return gamma * gamma * x

def at_seven(x, gamma=2.0):
    return torch.where(x == 7, 0.0, gamma * x)
"""


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a module of implementations, `ours`."""
    (project / "ours.py").write_text(IMPLEMENTATIONS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(project))
    yield project
    sys.modules.pop("ours", None)


def verify(lawful: Run, f: str, *options: str) -> tuple[int, str, str]:
    return lawful(
        "verify", "scale.Scale", "--impl", f"ours:{f}", "--dtype", "float32", "--quiet", *options
    )


def test_a_failure_is_kept_and_its_command_tries_it_alone(mine: Path, lawful: Run) -> None:
    status, out, _ = verify(lawful, "squared")
    assert status == 1
    (path,) = FOLDER.glob("*.json")
    assert "matches   the equation with `γ * x[b] * γ` for `γ * x[b]` at spec/scale.eq:7" in out
    assert "smallest  B=1 γ=2 x=[1.]" in out
    found = re.search(r"^  replay    lawful (verify .*)$", out, re.MULTILINE)
    assert found is not None
    command = shlex.split(found[1])
    assert command[-2:] == ["--case", path.as_posix()]
    status, out, _ = lawful(*command, "--quiet")
    assert status == 1 and f"--case {path.as_posix()}" in out
    status, out, _ = lawful("verify", "scale.Scale", "--impl", "ours:right", "--case", path)
    assert status == 0 and re.search(r"scale\.Scale .* 1 +\d+ .* OK", out)


def test_the_next_run_tries_it_first_and_keeps_it(mine: Path, lawful: Run) -> None:
    verify(lawful, "squared")
    (path,) = FOLDER.glob("*.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["tensors"]["x"]["numbers"] = [(7.0).hex()]
    path.write_text(json.dumps(data), encoding="utf-8")
    status, out, _ = verify(lawful, "at_seven")
    assert status == 1 and path.as_posix() in out
    assert verify(lawful, "right")[0] == 0 and path.exists()


def test_a_case_of_a_spec_that_has_changed_is_passed_over(mine: Path, lawful: Run) -> None:
    verify(lawful, "squared")
    (path,) = FOLDER.glob("*.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["consts"] = {"δ": "2"}
    path.write_text(json.dumps(data), encoding="utf-8")
    status, out, _ = verify(lawful, "right")
    assert status == 0 and f"{path} is passed over: the consts are δ there and γ here" in out


def test_a_malformed_case_is_wrong_usage(mine: Path, lawful: Run) -> None:
    verify(lawful, "squared")
    (path,) = FOLDER.glob("*.json")
    path.write_text("{", encoding="utf-8")
    for options in ((), ("--case", str(path))):
        arguments = ("verify", "scale.Scale", "--impl", "ours:right", *options)
        status, _, err = lawful(*arguments)
        assert status == 2 and f"{path} cannot be read" in err


@pytest.mark.parametrize(
    "options",
    [("--regime", "ties"), ("--dtype", "float32"), ("--against", "scale.Scale")],
)
def test_a_case_alone_takes_no_other_choice(
    mine: Path, lawful: Run, options: tuple[str, ...]
) -> None:
    verify(lawful, "squared")
    (path,) = FOLDER.glob("*.json")
    status, _, err = lawful("verify", "scale.Scale", "--case", path, *options)
    assert status == 2 and "--case needs one module" in err


def test_several_modules_have_no_case_in_common(mine: Path, lawful: Run) -> None:
    status, _, err = lawful("verify", "--case", "any.json")
    assert status == 2 and "--case needs one module" in err


def test_what_passes_leaves_no_trace(mine: Path, lawful: Run) -> None:
    assert verify(lawful, "right")[0] == 0
    assert not Path(".lawful").exists()


def test_the_json_report_carries_the_explanation(mine: Path, lawful: Run) -> None:
    verify(lawful, "squared", "--json", "report.json")
    (report,) = json.loads(Path("report.json").read_text(encoding="utf-8"))["reports"]
    failure = report["checks"][0]["failures"][0]
    assert failure["matches"].startswith("the equation with `γ * x[b] * γ`")
    assert failure["smallest"].startswith("B=1 γ=2 x=[1.]")
    assert failure["replay"].endswith(".json") and report["notes"] == []
