"""Specs that are broken, huge or hostile: a diagnostic in time, no traceback, nothing written;
and where hostile text is legal, code that holds it harmlessly."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from lawful.compiler.build import generate
from lawful.compiler.diagnostics import Log, printable
from lawful.compiler.library import load
from lawful.compiler.names import python_name
from lawful.compiler.outputs import write
from lawful.verifier.candidate import generated
from lawful.verifier.verify import Options, verify_candidate

Run = Callable[..., tuple[int, str, str]]

HANGS = 20.0
"""Seconds of the processor after which a command counts as hanging."""

HEAD = "module M\nsize B\nindex b: B\ninput x[B]\n"


def equation(body: str) -> bytes:
    return f"{HEAD}output y[b] = {body}\n".encode()


def in_parts(text: str, number: int, between: str) -> str:
    return between.join([text] * number)


WRONG: dict[str, tuple[str, bytes]] = {
    # broken
    "not UTF-8": ("E001", equation("x[b]") + b"# caf\xe9\n"),
    "binary": ("E001", bytes(range(256)) * 100),
    "UTF-16": ("E001", equation("x[b]").decode().encode("utf-16")),
    "half a surrogate": ("E001", b"module M\n# \xed\xa0\x80\n"),
    "nothing but NUL": ("E101", b"\0" * 1000),
    "an unfinished equation": ("E106", equation("x[b] +")),
    "an unknown name": ("E201", equation("z[b]")),
    "an open string": ("E102", b'module M\n"no end\n' + equation("x[b]")[9:]),
    "an open bracket": ("E104", equation("(x[b]")),
    "a module without an output": ("E605", b"module M\n"),
    "Markdown": ("E101", b"# Title\n\nSome `code` & more\n"),
    "Python": ("E107", b"import os\nos.system('true')\n"),
    "a template": ("E103", b"module M\n{{ 7 * 7 }}}\n"),
    # huge
    "10,000 terms": ("E006", equation(in_parts("x", 10_000, "+"))),
    "10,000 subscripted terms": ("E004", equation(in_parts("x[b]", 10_000, " + "))),
    "5,000 parentheses": ("E005", equation("(" * 5_000 + "x[b]" + ")" * 5_000)),
    "5,000 open parentheses": ("E005", equation("(" * 5_000)),
    "5,000 closed parentheses": ("E103", equation(")" * 5_000)),
    "5,000 minuses": ("E006", equation("-" * 5_000 + "x[b]")),
    "5,000 nots": ("E007", equation("if " + "not " * 5_000 + "true then x[b] else 1")),
    "1,000 ifs": ("E007", equation("if x[b] > 0 then 1 else " * 1_000 + "x[b]")),
    "5,000 powers": ("E007", equation("x[b]" + "^2" * 5_000)),
    "5,000 reducers": ("E007", equation("2 * " + "sum[b] " * 5_000 + "x[b]")),
    "3,000 ands": ("E010", equation("[" + in_parts("x[b]>0", 3_000, " and ") + "]")),
    "5,000 subscripts": ("E005", equation("x[" * 5_000 + "b" + "]" * 5_000)),
    "a number of 10^6 digits": ("E004", equation("1" + "0" * 10**6 + " * x[b]")),
    "a number of 10^4 digits": ("E008", equation("1" + "0" * 10**4 + " * x[b]")),
    "a fraction of 10^4 digits": ("E008", equation("0." + "0" * 10**4 + "1 * x[b]")),
    "an exponent of 10^4 digits": ("E008", equation("1e" + "9" * 10**4 + " * x[b]")),
    "an exponent of 4001": ("E008", equation("1e4001 * x[b]")),
    "600 KB of comments": ("E004", equation("x[b]") + b"# more\n" * 86_000),
    "600 KB on one line": ("E004", b"x" * 600_000),
    "600 KB of quotes": ("E004", b'"' * 600_000),
    "48 KB of errors": ("E201", HEAD.encode() + b"output y[b] = z[b]\n" * 2_400),
    "48 KB of nonsense": ("E101", b"@@ $$ \n" * 6_900),
    "48 KB of keywords": ("E105", b"input " * 8_000),
    "defs that double": (
        "E010",
        b"def f0(x) = x * x\n"
        + b"".join(b"def f%d(x) = f%d(f%d(x))\n" % (i + 1, i, i) for i in range(40))
        + equation("f40(x[b])"),
    ),
    "a def of itself": ("E", b"def f(x) = f(x)\n" + equation("f(x[b])")),
    "sizes that grow": (
        "E",
        b"module M\nsize B, S0 = B\n"
        + b"".join(b"size S%d = S%d * S%d\n" % (i + 1, i, i) for i in range(40))
        + b"index b: B\ninput x[B]\nrequire S40 > 1\noutput y[b] = 2 * x[b]\n",
    ),
    # names
    "__import__": ("E101", b"module M\ninput __import__\noutput y = 2 * __import__\n"),
    "_": ("E101", b"module M\ninput _\noutput y = 2 * _\n"),
    "a keyword": ("E105", b"module M\ninput module\noutput y = 2 * module\n"),
    "a reducer": ("E105", b"module M\ninput sum\noutput y = 2 * sum\n"),
    "Cyrillic": ("E209", "module M\ninput ж\noutput y = 2 * ж\n".encode()),
    "a Cyrillic module": ("E209", "module Ж\ninput x\noutput y = 2 * x\n".encode()),
    "a homoglyph": ("E209", "module M\ninput х\noutput y = 2 * х\n".encode()),
    "Greek and its spelling": ("E210", "module M\ninput β, beta\noutput y = β * beta\n".encode()),
    "a name and its escape": ("E210", b"module M\ninput self, self_\noutput y = self * self_\n"),
    "modules of one name": (
        "E210",
        b"module AB\ninput x\noutput y = 2 * x\nmodule Ab\ninput x\noutput y = 2 * x\n",
    ),
    "bidirectional text": ("E101", "module M\ninput x\noutput y = 2 \u202e* x\n".encode()),
    "an invisible space": ("E101", "module M\ninput x\u200b\noutput y = 2 * x\n".encode()),
    "an escape sequence": ("E101", b"module M\ninput x\noutput y = 2 \x1b * x\n"),
}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def built(project: Path, lawful: Run) -> Path:
    """A project whose code is built, in which bytes can be put into `spec/hostile.eq`."""
    assert lawful("build")[0] == 0
    return project


def checked_in_time(lawful: Run) -> tuple[int, str, str]:
    """What `lawful check` says; it must not hang."""
    start = time.process_time()
    result = lawful("check")
    assert time.process_time() - start < HANGS
    return result


def is_calm(err: str) -> bool:
    """No traceback, and nothing that a terminal would act on."""
    return "Traceback" not in err and all(c.isprintable() or c == "\n" for c in err)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_gets_a_diagnostic_in_time_and_nothing_is_written(
    name: str, built: Path, lawful: Run
) -> None:
    code, data = WRONG[name]
    (built / "spec" / "hostile.eq").write_bytes(data)
    before = snapshot(built)
    status, out, err = checked_in_time(lawful)
    assert (status, out) == (1, "")
    assert f"error[{code}" in err and "--> spec/hostile.eq" in err
    assert is_calm(err)
    assert err.rstrip().endswith(("1 error", " errors"))
    assert lawful("build", "--force")[:2] == (1, "")
    assert snapshot(built) == before


LEGAL: dict[str, bytes] = {
    "an empty file": b"",
    "comments alone": b"# nothing\n\n   \n# here\n",
    "a mark of byte order": b"\xef\xbb\xbf" + equation("2 * x[b]"),
    "CRLF": equation("2 * x[b]").replace(b"\n", b"\r\n"),
    "CR": equation("2 * x[b]").replace(b"\n", b"\r"),
    "1,900 terms": equation(in_parts("x[b]", 1_900, " + ")),
    "1,900 comparisons": equation("[" + in_parts("x[b]", 1_900, " < ") + "]"),
    "60 parentheses": equation("(" * 60 + "2 * x[b]" + ")" * 60),
    "60 powers": equation("x[b]" + "^x[b]" * 60),
    "60 powers of numbers": equation("2" + "^2" * 60 + " * x[b]"),
    "60 ifs": equation("if x[b] > 0 then 1 else " * 60 + "2 * x[b]"),
    "60 sums": equation("2 * " + "sum[b] " * 60 + "x[b]"),
    "60 functions": equation("exp(" * 60 + "x[b]" + ")" * 60),
    "a tower of tens": equation("10^10^10^10 * x[b]"),
    "1e4000": equation("1e4000 * x[b]"),
    "a comment in an equation": equation('2 * # """ \\ \u202e \x07 \x0c {{ x }}\n  x[b]'),
    "a comment in a require": (
        b"module M\nconst k = 1\nrequire k > 0 and # \"' \\ {k}\n  k < 9\n"
        b"input x\noutput y = k * x\n"
    ),
    "spaces of all kinds": equation("2 *\u2028 \x0c\x0b\x85\xa0 x[b]"),
    "500 equations": (
        HEAD
        + "a0[b] = x[b]\n"
        + "".join(f"a{i + 1}[b] = a{i}[b] + a{i}[b]\n" for i in range(500))
        + "output y[b] = a500[b]\n"
    ).encode(),
    "400 modules": b"".join(
        b"module M%d\ninput x[B]\nsize B\nindex b: B\noutput y[b] = 2 * x[b]\n" % i
        for i in range(400)
    ),
}


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_legal_is_built(name: str, built: Path, lawful: Run) -> None:
    (built / "spec" / "hostile.eq").write_bytes(LEGAL[name])
    status, _, err = checked_in_time(lawful)
    assert (status, err) == (0, ""), err
    start = time.process_time()
    assert lawful("build")[0] == 0
    assert time.process_time() - start < HANGS
    assert lawful("build", "--check")[0] == 0
    for path in (built / "generated").rglob("*.py"):
        compile(path.read_bytes(), path, "exec")


TEXTS = {
    "triple quotes": "it's '''quoted''' to the '''",
    "backslashes": "\\N{BULLET} \\x41 \\u1234 \\\\ \\' \\",
    "templates": "{{ 7 * 7 }} {% raw %} {# no #} {x!r} %s {0}",
    "line breaks": "one\n two\n\n  three",
    "control characters": "bell \x07 escape \x1b[31m null \x00 delete \x7f c1 \x9b tab \t end",
    "bidirectional text": "abc \u202e cba \u2066 isolate \u2069 mark \u200f",
    "invisible characters": "zero \u200b width \ufeff tag \U000e0041 soft\xadhyphen",
    "separators": "line \u2028 paragraph \u2029 next \x85 feed \x0c vertical \x0b nbsp \xa0 end",
    "hashes": "# not a comment # at all",
    "code": "'; __import__('os').system('true'); '",
    "Greek and mathematics": "β ≤ Σ · ∞ √ 𝔼 漢字 é",
    "nothing": "",
    "a long text": "word " * 1_000,
    "a long word": "w" * 5_000,
    "private and unassigned characters": "private \ue000 \U0010ffff unassigned \u0378",
}


def letters(text: str) -> str:
    """The text as it is printed, without its line breaks and spaces."""
    return "".join(printable(" ".join(text.split())).split())


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_texts_stand_harmlessly_in_docstrings(name: str, built: Path, lawful: Run) -> None:
    text = TEXTS[name]
    source = f'module M\n"{text}"\nsource "{text}"\n' + equation("2 * x[b]").decode()[9:]
    (built / "spec" / "hostile.eq").write_text(source, encoding="utf-8", newline="")
    status, _, err = checked_in_time(lawful)
    assert (status, err) == (0, "")
    assert lawful("build")[0] == 0
    code = (built / "generated" / "hostile.py").read_bytes().decode("utf-8")
    assert all(c.isprintable() or c == "\n" for c in code)
    tree = ast.parse(code)
    assert [type(node).__name__ for node in tree.body] == (
        ["Expr", "ImportFrom", "Import", "ImportFrom", "ImportFrom", "FunctionDef", "ClassDef"]
    )
    function, class_ = tree.body[-2:]
    assert isinstance(function, ast.FunctionDef) and isinstance(class_, ast.ClassDef)
    found = letters(ast.get_docstring(function) or "")
    assert found.startswith(letters(text))
    assert letters(f"Source: {text}") in found
    assert letters(ast.get_docstring(class_) or "").startswith(letters(text))
    assert len(function.body) == 6, "docstring, spec, two checks, y, return"


# --- files that are no files -------------------------------------------------------------------


def test_paths_that_cannot_be_modules_are_named_harmlessly(built: Path, lawful: Run) -> None:
    good = equation("2 * x[b]")
    names = [
        "two words.eq",
        "class.eq",
        "a-b.eq",
        "ж.eq",
        "1st.eq",
        "evil\x1b[31m\n.eq",
        "{{x}}.eq",
    ]
    (built / "spec" / "no-package").mkdir()
    for name in [*names, "no-package/fine.eq"]:
        (built / "spec" / name).write_bytes(good)
    before = snapshot(built)
    status, out, err = checked_in_time(lawful)
    assert (status, out) == (1, "")
    assert err.count("error[E009]") == len(names) + 1 and is_calm(err)
    assert "--> spec/evil\\x1b[31m\\n.eq\n" in err
    assert lawful("build", "--force")[0] == 1
    assert snapshot(built) == before


def test_a_name_that_is_no_text_is_named_harmlessly(built: Path, lawful: Run) -> None:
    name = os.fsdecode(b"bad\xff.eq")
    try:
        (built / "spec" / name).write_bytes(equation("2 * x[b]"))
    except OSError:
        pytest.skip("this file system takes names of text alone")
    status, out, err = lawful("check")
    assert (status, out) == (1, "")
    assert "error[E009]" in err and "bad\\udcff.eq" in err and is_calm(err)


def test_folders_links_and_pipes_named_like_specs_are_passed_over(built: Path, lawful: Run) -> None:
    (built / "spec" / "folder.eq").mkdir()
    (built / "spec" / "nowhere.eq").symlink_to("nothing")
    (built / "spec" / "loop.eq").symlink_to("loop.eq")
    os.mkfifo(built / "spec" / "pipe.eq")
    assert checked_in_time(lawful) == (0, "2 modules checked, no errors\n", "")
    for name in ("folder", "nowhere", "loop", "pipe"):
        status, _, err = lawful("check", f"spec/{name}.eq")
        assert (status, err) == (2, f"error: there is no file spec/{name}.eq\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read(built: Path, lawful: Run) -> None:
    (built / "spec" / "scale.eq").chmod(0)
    status, out, err = lawful("check")
    assert (status, out) == (1, "")
    assert "error[E002]" in err and "permission denied" in err and is_calm(err)


def test_a_spec_folder_without_specs(built: Path, lawful: Run) -> None:
    for path in (built / "spec").rglob("*.eq"):
        path.unlink()
    before = snapshot(built)
    for command in ("check", "build", "verify"):
        status, out, err = lawful(command)
        assert (status, out) == (2, "")
        assert err.startswith("error: there are no ")
    assert snapshot(built) == before


# --- startup -----------------------------------------------------------------------------------

SCRIPT = """
import sys
sys.argv = ["lawful", "check"]
from lawful.cli.main import main
try:
    main()
finally:
    heavy = {"torch", "sympy", "numpy", "mpmath", "flint", "jinja2"}
    print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_check_ends_and_loads_no_torch_and_no_sympy(
    built: Path,
) -> None:
    for name in ("10,000 terms", "5,000 parentheses", "not UTF-8", "an unknown name"):
        slug = "".join(c for c in name if c.isalpha())
        (built / "spec" / f"h{slug.lower()}.eq").write_bytes(WRONG[name][1])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 1
    assert done.stdout == "[]\n"
    assert done.stderr.endswith("\n4 errors\n") and is_calm(done.stderr)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < HANGS


# --- names -------------------------------------------------------------------------------------

NAMES = """
spec wide nn torch ops math dtype device generator self super Tensor NamedTuple
forward train training index_ parameters state_dict reset_parameters T_destination
lambda class async None True False
λ Λ π Σ ｘ x0_ y0_ mask y0_part y0_part2 _ M m K k
""".split()
NAMES.remove("_")
ROLES = {
    "input": "size B\nindex b: B\ninput {n}[B]\noutput y0[b] = 2 * {n}[b] + {n}[b]^3\n",
    "const": "size B\nindex b: B\ninput x0[B]\nconst {n} = 3\noutput y0[b] = {n} * x0[b]\n",
    "param": "size B\nindex b: B\ninput x0[B]\nparam {n}[B] = 1\n"
    "output y0[b] = 2 * {n}[b] * x0[b]\n",
    "random": "size B\nindex b: B\ninput x0[B]\nrandom {n}[B] ~ normal(mean = 0, std = 1)\n"
    "output y0[b] = 2 * x0[b] + {n}[b]\n",
    "output": "size B\nindex b: B\ninput x0[B]\noutput {n}[b] = 2 * x0[b]\n",
    "one of two outputs": "size B\nindex b: B\ninput x0[B]\noutput {n}[b] = 2 * x0[b]\n"
    "output y0[b] = x0[b] + {n}[b]\n",
    "equation": "size B\nindex b: B\ninput x0[B]\n{n}[b] = 2 * x0[b]\n"
    "output y0[b] = {n}[b] + sqrt({n}[b]^2 + 1)\n",
    "size": "size {n}\nindex b: {n}\ninput x0[{n}]\nparam w0[{n}] ~ normal(std = 1)\n"
    "output y0[b] = sqrt({n}) * w0[b] * x0[b]\n",
    "index": "size B\nindex {n}: B\ninput x0[B]\noutput y0[{n}] = x0[{n}] * sqrt({n} + 1)\n",
    "module": "size B\nindex b: B\ninput x0[B]\noutput y0[b] = 2 * x0[b]\n",
}


@pytest.mark.parametrize("role", ROLES)
def test_every_name_that_checks_computes_what_it_should(role: str, tmp_path: Path) -> None:
    (tmp_path / "spec").mkdir()
    for i, name in enumerate(NAMES):
        module = name if role == "module" else "M"
        text = f"module {module}\n" + ROLES[role].replace("{n}", name)
        (tmp_path / "spec" / f"f{i}.eq").write_text(text, encoding="utf-8")
    log = Log()
    modules = load(tmp_path / "spec", log)
    assert not log.failed, "\n".join(map(str, log.in_order()))
    assert len(modules) == len(NAMES)
    write(generate(modules), tmp_path / "generated", True)
    options = Options(dtypes=("float64",), regime="consts")
    for module in modules.values():
        candidate = generated(module, tmp_path / "generated")
        report = verify_candidate(module, candidate, options)
        assert not report.failures and report.compared, str(report)


def test_the_names_are_hostile() -> None:
    """Each of these would hide something, or is no ASCII: else the test above tests little."""
    changed = [name for name in NAMES if python_name(name) != unicodedata.normalize("NFC", name)]
    assert len(changed) > 25
