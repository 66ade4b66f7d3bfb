"""`lawful verify`: status, streams, what is selected, and commands that repeat a failure."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

Run = Callable[..., tuple[int, str, str]]

IMPLEMENTATIONS = """import os
import torch

def scale(x, gamma=2.0):
    return gamma * x

def scale_off(x, gamma=2.0):
    return gamma * x + 1e-3

def scale_raises(x, gamma=2.0):
    raise RuntimeError("no such kernel")

def scale_two(x, gamma=2.0):
    return x, x

def dpo(lw, ll, rw, rl, beta=0.1):
    return torch.nn.functional.softplus(-beta * ((lw - ll) - (rw - rl))).mean() * 1.01

class Holder:
    @staticmethod
    def scale(x, gamma=2.0):
        return gamma * x

def scale_ends(x, gamma=2.0):
    os._exit(0)

number = 3
"""

FIRST = """import lawful, torch
from lawful.verifier.plan import Options, cases

known = {
    case.tensors["x"].tobytes()
    for case in cases(lawful.load("scale.Scale"), Options(), 24, {})
}

def scale(x, gamma=2.0):
    return gamma * x if x.detach().numpy().tobytes() in known else 0 * x
"""


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with its code built and a module of implementations, `mine`."""
    (project / "mine.py").write_text(IMPLEMENTATIONS, encoding="utf-8")
    (project / "breaks.py").write_text("raise ValueError('broken on import')\n", encoding="utf-8")
    (project / "quits.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(project))
    yield project
    for name in ("mine", "breaks", "quits"):
        sys.modules.pop(name, None)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def again(out: str) -> list[str]:
    """The arguments of the first command that the output says repeats a failure."""
    (command, *_) = re.findall(r"^  again     lawful (.*)$", out, re.MULTILINE)
    return shlex.split(command)


def worst(out: str) -> list[str]:
    """What was expected and what came, for the first failure."""
    return re.findall(r"^  (?:expected|got|found) .*$", out, re.MULTILINE)[:2]


def test_right_code_is_status_0_with_a_table(project: Path, lawful: Run) -> None:
    lawful("build")
    status, out, err = lawful("verify", "--jobs", 1)
    assert status == 0
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["module", "checked"]
    assert lines[0].split()[-2:] == ["verdict", "seconds"]
    assert lines[1].startswith("parts.shift.Shift ") and " OK " in lines[1]
    assert lines[2].startswith("scale.Scale ") and " OK " in lines[2]
    assert lines[-1] == "2 modules verified: 2 OK"
    assert "verifying" in err and "Traceback" not in err
    assert "module" not in err, "the table is not on stderr"
    assert lawful("verify", "--quiet", "--jobs", 1) == (0, "", "")


def test_two_processes_find_what_one_does(project: Path, lawful: Run) -> None:
    lawful("build")
    change(project / "generated" / "scale.py", "y = gamma * ", "y = 3 * ")
    options = ["--quiet", "--dtype", "float64", "--regime", "typical"]
    alone = lawful("verify", *options, "--jobs", 1)
    together = lawful("verify", *options, "--jobs", 2)
    assert alone == together
    assert alone[0] == 1 and alone[1].startswith("\nscale.Scale: WRONG values in float64")


def test_wrong_generated_code_is_status_1(project: Path, lawful: Run) -> None:
    lawful("build")
    change(project / "generated" / "parts" / "shift.py", "y = x + 3", "y = x + 4")
    status, out, _ = lawful("verify", "--jobs", 1)
    assert status == 1
    assert out.endswith("\n2 modules verified: 1 OK, 1 WRONG\n")
    assert "\nparts.shift.Shift: WRONG values in float64, " in out
    assert "scale.Scale: WRONG" not in out


def test_code_is_verified_as_it_is_now(project: Path, lawful: Run) -> None:
    """Though a moment ago it was other code of the same length, imported in this process."""
    lawful("build")
    assert lawful("verify", "scale", "--quiet")[0] == 0
    change(project / "generated" / "scale.py", "y = gamma * ", "y = gamma / ")
    assert lawful("verify", "scale", "--quiet")[0] == 1
    change(project / "generated" / "scale.py", "y = gamma / ", "y = gamma * ")
    assert lawful("verify", "scale", "--quiet")[0] == 0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda out: None, "there is no generated file generated/scale.py; run `lawful build`"),
        (
            lambda out: (out / "scale.py").write_text("def scale(:\n", encoding="utf-8"),
            "scale.py cannot be imported: SyntaxError",
        ),
        (
            lambda out: (out / "scale.py").write_text("", encoding="utf-8"),
            "generated/scale.py defines no scale and Scale; run `lawful build`",
        ),
    ],
)
def test_code_that_is_not_there_is_inconclusive_and_status_1(
    project: Path, lawful: Run, spoil: Callable[[Path], object], said: str
) -> None:
    out_folder = project / "generated"
    out_folder.mkdir()
    (out_folder / "__init__.py").write_text("", encoding="utf-8")
    spoil(out_folder)
    status, out, err = lawful("verify", "scale")
    assert status == 1
    assert "INCONCLUSIVE" in out and said in out
    assert "Traceback" not in out + err


def test_a_right_implementation_is_status_0(mine: Path, lawful: Run) -> None:
    for name in ("mine:scale", "mine:Holder.scale"):
        status, out, _ = lawful("verify", "scale.Scale", "--impl", name)
        assert status == 0, out
        assert "\n1 module verified: 1 OK" in out


def test_an_implementation_is_not_imported_here(mine: Path, lawful: Run) -> None:
    assert lawful("verify", "scale.Scale", "--impl", "mine:scale", "--regime", "typical")[0] == 0
    assert "mine" not in sys.modules


def test_a_seed_that_nobody_foresaw_is_tried_and_named(mine: Path, lawful: Run) -> None:
    """By code that is right for the inputs of seed 0 alone."""
    (mine / "first.py").write_text(FIRST, encoding="utf-8")
    arguments = ["verify", "scale.Scale", "--impl", "first:scale", "--dtype", "float64"]
    status, out, _ = lawful(*arguments)
    found = re.search(r"WRONG values in float64, typical \(seed (\d+)\)", out)
    assert status == 1 and found is not None
    assert int(found[1]) > 0 and again(out)[-1] == found[1]


def test_a_process_that_ends_is_status_1(mine: Path, lawful: Run) -> None:
    status, out, err = lawful("verify", "scale.Scale", "--impl", "mine:scale_ends")
    assert status == 1
    assert "found     its process ended with status 0" in out and "Traceback" not in out + err


def test_a_wrong_implementation_is_status_1_with_a_report(mine: Path, lawful: Run) -> None:
    status, out, _ = lawful("verify", "scale.Scale", "--impl", "mine:scale_off")
    assert status == 1
    assert out.endswith("\n1 module verified: 0 OK, 1 WRONG\n")
    failure = out[out.index("\nscale.Scale: WRONG") + 1 :].splitlines()
    number = r"-?\d[\d.e+-]*"
    for line, pattern in zip(
        failure,
        [
            r"scale\.Scale: WRONG values in float64, \w+ \(seed 0\): y\[\d+\]",
            r"  equation  output y\[b\] = γ \* x\[b\]    \(spec/scale\.eq:7\)",
            rf"  expected  {number}",
            rf"  got       {number}",
            r"  error     [\d.e+]+ times the tolerance",
            r"  smallest  B=1 γ=2 x=\[0\.\]",
            rf"            y\[0\] is {number}, got {number}",
            r"  replay    lawful verify scale\.Scale --impl mine:scale_off --case \.lawful/.*",
            r"  again     lawful verify scale\.Scale --impl mine:scale_off --dtype float64 .*",
        ],
        strict=False,
    ):
        assert re.fullmatch(pattern, line), line


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scale_raises", "it raises RuntimeError: no such kernel"),
        ("scale_two", "it returned 2 values for y"),
    ],
)
def test_an_implementation_that_cannot_be_compared_is_status_1(
    mine: Path, lawful: Run, name: str, said: str
) -> None:
    status, out, err = lawful("verify", "scale.Scale", "--impl", f"mine:{name}")
    assert status == 1
    assert said in out and "Traceback" not in out + err


def test_the_command_in_a_failure_repeats_it(
    mine: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["verify", "scale.Scale", "--impl", "mine:scale_off"]
    options = ["--level", "full", "--dtype", "float32", "--dtype", "bfloat16", "--seed", "5"]
    status, out, _ = lawful(*arguments, *options)
    command = again(out)
    assert command[: len(arguments)] == arguments
    status, second, _ = lawful(*command)
    assert status == 1
    assert worst(second) == worst(out) and len(worst(out)) == 2
    assert again(second) == command


def test_the_command_names_folders_that_need_quotes(
    mine: Path, lawful: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine / "spec").rename(mine / "my 'specs'")
    status, out, _ = lawful(
        "verify", "scale", "--impl", "mine:scale_off", "--spec", "my 'specs'", "--out", "a b"
    )
    command = again(out)
    assert command[:2] == ["verify", "scale.Scale"]
    status, second, _ = lawful(*command)
    assert status == 1 and worst(second) == worst(out)


def test_names_of_the_library_work_inside_a_project(mine: Path, lawful: Run) -> None:
    status, out, _ = lawful("verify", "lawful.losses.dpo.DPO", "--dtype", "float64")
    assert status == 0
    assert "\nlosses.dpo.DPO " in out
    status, out, _ = lawful("verify", "lawful.losses.dpo.DPO", "--impl", "mine:dpo")
    assert status == 1
    command = again(out)
    assert command[1] == "lawful.losses.dpo.DPO", "the bare name is none of this project's"
    status, second, _ = lawful(*command)
    assert status == 1 and worst(second) == worst(out)
    status, out, err = lawful("verify", "losses.dpo.DPO")
    assert (status, out) == (2, "")
    assert "no module is called `losses.dpo.DPO`" in err


def test_names_of_the_library_work_outside_a_project(nowhere: Path, lawful: Run) -> None:
    for name in ("lawful.losses.dpo.DPO", "losses.dpo.DPO", "*.DPO", "lawful.losses.dpo_reward"):
        status, out, _ = lawful("verify", name, "--dtype", "float64", "--regime", "typical")
        assert status == 0
        assert "\n1 module verified: 1 OK" in out


def test_names_prefixes_and_globs_select(project: Path, lawful: Run) -> None:
    lawful("build")
    for names, chosen in (
        (["scale"], ["scale.Scale"]),
        (["parts"], ["parts.shift.Shift"]),
        (["parts.shift"], ["parts.shift.Shift"]),
        (["*.S*"], ["parts.shift.Shift", "scale.Scale"]),
        (["*.Scale"], ["scale.Scale"]),
        (["scale", "parts"], ["parts.shift.Shift", "scale.Scale"]),
        (["scale", "scale.Scale"], ["scale.Scale"]),
    ):
        status, out, _ = lawful("verify", *names, "--jobs", 1, "--dtype", "float64")
        assert status == 0
        assert [line.split()[0] for line in out.splitlines()[1:-1] if " OK " in line] == chosen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scale.Scalr",), "no module is called `scale.Scalr`; did you mean `scale.Scale`?"),
        (("lawful.losses.dpo.DP",), "no module is called `losses.dpo.DP`; did you mean"),
        (("--spec", "nowhere"), "there is no folder nowhere"),
        (("--spec", "empty"), "there are no modules"),
        (("--level", "fast"), "--level is quick or full, not `fast`"),
        (("--dtype", "float8"), "--dtype is one of float64, float32, bfloat16, float16"),
        (("--regime", "nice"), "--regime is one of typical, "),
        (("--device", "nonsense"), "--device nonsense: "),
        (("--device", "meta"), "--device meta: "),
        (("--impl", "mine:scale"), "--impl needs one module; 2 are selected"),
        (("scale", "--impl", "mine"), "`mine` should be PKG.MOD:CALLABLE"),
        (("scale", "--impl", "mine:"), "`mine:` should be PKG.MOD:CALLABLE"),
        (("scale", "--impl", ":scale"), "`:scale` cannot be imported: "),
        (("scale", "--impl", "nowhere.at.all:scale"), "No module named 'nowhere'"),
        (("scale", "--impl", "mine:missing"), "has no attribute 'missing'"),
        (("scale", "--impl", "mine:number"), "`mine:number` is not callable"),
        (("scale", "--impl", "breaks:scale"), "ValueError: broken on import"),
        (("scale", "--impl", "quits:scale"), "`quits:scale` cannot be imported: SystemExit"),
        (("--json", "nowhere/reports.json"), "--json nowhere/reports.json is no place"),
        (("--json", "spec"), "--json spec is no place for a file"),
        (("--seed", "-1"), "--seed"),
        (("--seed", "one"), "--seed"),
        (("--jobs", "0"), "--jobs"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_usage_is_status_2(
    mine: Path, lawful: Run, arguments: tuple[str, ...], message: str
) -> None:
    (mine / "empty").mkdir()
    status, out, err = lawful("verify", *arguments)
    assert (status, out) == (2, "")
    assert message in err and "Traceback" not in err


def test_a_wrong_spec_is_status_1(project: Path, lawful: Run) -> None:
    lawful("build")
    (project / "spec" / "scale.eq").write_text("module M\noutput y = z\n", encoding="utf-8")
    status, out, err = lawful("verify", "parts")
    assert (status, out) == (1, "")
    assert "error[E201]" in err and "spec/scale.eq:2:12" in err


def test_quiet_says_only_what_does_not_hold(mine: Path, lawful: Run) -> None:
    assert lawful("verify", "scale", "--impl", "mine:scale", "--quiet") == (0, "", "")
    status, out, err = lawful("verify", "scale", "--impl", "mine:scale_off", "--quiet")
    assert (status, err) == (1, "")
    assert out.startswith("\nscale.Scale: WRONG values ")
    assert "module " not in out and "verified" not in out


def test_json_holds_the_reports(mine: Path, lawful: Run) -> None:
    path = mine / "reports.json"
    lawful("verify", "scale", "--impl", "mine:scale_off", "--json", path, "--dtype", "float64")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["version"] == 1 and found["level"] == "quick"
    assert found["torch"] == torch.__version__.partition("+")[0]
    (report,) = found["reports"]
    assert report["module"] == "scale.Scale" and report["verdict"] == "WRONG"
    assert report["implementation"] == "mine:scale_off" and report["dtypes"] == ["float64"]
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["values"]["verdict"] == "WRONG" and checks["gradients"]["verdict"] == "OK"
    failure = checks["values"]["failures"][0]
    assert failure["tensor"] == "y" and failure["place"] == "spec/scale.eq:7"
    assert failure["command"].startswith("lawful verify scale.Scale --impl mine:scale_off ")
    lawful("verify", "scale", "--impl", "mine:scale", "--json", path)
    assert json.loads(path.read_text(encoding="utf-8"))["reports"][0]["verdict"] == "OK"


def test_no_escape_sequences_where_nobody_asked(mine: Path, lawful: Run) -> None:
    for color in ((), ("--no-color",)):
        _, out, err = lawful("verify", "scale", "--impl", "mine:scale_off", *color)
        assert "\x1b" not in out + err


# --- another spec ------------------------------------------------------------------------------

SUM = """module Sum
"Twice x."
size N
index n: N
input x[N]
output z[n] = x[n] + x[n]
"""


def test_a_spec_is_verified_against_another(project: Path, lawful: Run) -> None:
    (project / "spec" / "sum.eq").write_text(SUM, encoding="utf-8")
    lawful("build")
    status, out, err = lawful("verify", "sum.Sum", "--against", "scale.Scale", "--jobs", 2)
    assert status == 0, out
    assert "equal values, equal gradients, values, gradients" in " ".join(out.split())
    assert out.endswith("\n1 module verified: 1 OK\n")
    assert "Traceback" not in err


def test_specs_that_differ_are_status_1(project: Path, lawful: Run) -> None:
    lawful("build")
    arguments = ("verify", "scale.Scale", "--against", "parts.shift.Shift")
    status, out, _ = lawful(*arguments, "--json", "report.json")
    assert status == 1
    assert "scale.Scale: WRONG equal values in exact arithmetic, typical (seed 0): y[" in out
    assert "  found     it is not what parts.shift.Shift gives" in out
    command = again(out)
    assert command[:4] == list(arguments)
    status, second, _ = lawful(*command)
    assert status == 1 and worst(second) == worst(out)
    (report,) = json.loads((project / "report.json").read_text(encoding="utf-8"))["reports"]
    assert report["implementation"] == "scale.Scale against parts.shift.Shift"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scale", "--against", "nothing"), "no module is called `nothing`"),
        (("scale", "--against", "*"), "--against needs one module; "),
        (("--against", "scale"), "--against needs one module and no --impl; 2 are selected"),
        (
            ("scale", "--against", "scale", "--impl", "mine:scale"),
            "--against needs one module and no --impl",
        ),
        (
            ("scale", "--against", "lawful.losses.dpo.DPO"),
            "scale.Scale and losses.dpo.DPO cannot be compared: losses.dpo.DPO has no input x",
        ),
    ],
)
def test_specs_that_cannot_be_compared_are_status_2(
    mine: Path, lawful: Run, arguments: tuple[str, ...], said: str
) -> None:
    lawful("build")
    status, out, err = lawful("verify", *arguments)
    assert (status, out) == (2, "")
    assert said in err and "Traceback" not in err
