"""Every code has an example that gives it alone, and the documentation shows them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from lawful.compiler.codes import CODES
from lawful.compiler.diagnostics import Log, SpecError
from lawful.compiler.library import load

GOLDEN = Path(__file__).parent / "golden" / "diagnostics"
SPECS = sorted(path.stem for path in GOLDEN.glob("*.eq"))

Golden = Callable[[Path, str], None]


def messages(log: Log) -> str:
    return "\n\n".join(str(entry) for entry in log.in_order()) + "\n"


@pytest.mark.parametrize("code", SPECS)
def test_spec_gives_its_code_alone(
    code: str, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)
    log = Log()
    modules = load(Path("."), log, [Path(f"{code}.eq")])
    assert [entry.code for entry in log.diagnostics] == [code]
    assert bool(modules) == code.startswith("W")
    golden(GOLDEN / f"{code}.txt", messages(log))


BUILT: dict[str, tuple[str, bytes]] = {
    "E001": ("E001.eq", b"module M\n# caf\xe9\ninput x\noutput y = x\n"),
    "E004": ("E004.eq", b"module M\ninput x\noutput y = x\n" + b"# more\n" * 10_000),
    "E006": ("E006.eq", b"module M\ninput x\noutput y = x" + b" + x" * 2_001),
    "E009": ("two-words.eq", b"module M\ninput x\noutput y = x\n"),
}
"""Files that are no text, too large for a golden, or have a name of their own."""


@pytest.mark.parametrize("code", BUILT)
def test_built_file_gives_its_code_alone(
    code: str, golden: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, data = BUILT[code]
    (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    log = Log()
    assert load(Path("."), log) == {}
    assert [entry.code for entry in log.diagnostics] == [code]
    golden(GOLDEN / f"{code}.txt", messages(log))


def test_missing_file_and_folder(
    golden: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = Log()
    assert load(Path("."), log, [Path("E002.eq")]) == {}
    assert [entry.code for entry in log.diagnostics] == ["E002"]
    golden(GOLDEN / "E002.txt", messages(log))
    log = Log()
    assert load(Path("nowhere"), log) == {}
    assert [entry.code for entry in log.diagnostics] == ["E002"]


def test_every_code_has_an_example() -> None:
    assert {*SPECS, *BUILT, "E002"} == set(CODES)
    for code, row in CODES.items():
        assert row.code == code and row.title and row.explanation.endswith(".")


def test_the_page_shows_them(golden: Golden) -> None:
    page = _make_errors()
    golden(page.PAGE, page.render())


def _make_errors() -> ModuleType:
    path = Path(__file__).parents[2] / "docs" / "make_errors.py"
    spec = importlib.util.spec_from_file_location("make_errors", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(text: str, tmp_path: Path) -> Log:
    (tmp_path / "spec.eq").write_bytes(text.encode())
    log = Log()
    load(tmp_path, log)
    return log


def test_the_example_of_the_reference(tmp_path: Path) -> None:
    log = check(
        "module A\nsize B, T, H, K\nindex b: B   t, u: T   h: H   k: K\n"
        "input a[B, H, T, T], v[B, H, T, K]\noutput o[b,h,t] = sum[u] a[b,h,t,u] * v[b,h,u,k]\n",
        tmp_path,
    )
    assert str(log.diagnostics[0]).split("\n")[3:] == [
        "5 | output o[b,h,t] = sum[u] a[b,h,t,u] * v[b,h,u,k]",
        "  |                                               ^ `k` ranges over K",
        "  = help: put `k` on the left, or sum over it: `sum[u, k] …`",
    ]


def test_all_errors_of_a_file_come_in_one_run_each_once(tmp_path: Path) -> None:
    log = check(
        """
module A
size T, D = T // c
const c = 2
index t: T, d: D
index i: T
input x[T], x[T]
a[i] = x[i + 1] + x[i - 1] + yy[i] + yy[i]
b[i] = a[i] * x[i] * zz
output y[i] = b[i] + a[i] + log2(b[i]) + (x[i] and true)

module B
input x
output y = x +
output z = w
""",
        tmp_path,
    )
    codes = [entry.code for entry in log.in_order()]
    assert codes == "E302 E100 E202 E502 E501 E201 E201 E408 E402 E106 E201".split()


def test_a_lost_statement_makes_no_further_errors(tmp_path: Path) -> None:
    log = check(
        "module A\nsize T,\nindex t: T\ninput x[T]\noutput y[t] = x[t]\n"
        "module B\ninput q\nr = q +\noutput y = r\n",
        tmp_path,
    )
    assert [entry.code for entry in log.in_order()] == ["E106", "E106"]


def test_a_wrong_equation_is_known_by_name_and_shape(tmp_path: Path) -> None:
    log = check(
        "module A\nsize T\nindex t: T\ninput x[T]\na[t] = x[t] + true\n"
        "output y[t] = a[t,t] + sqrt(a[t])\n",
        tmp_path,
    )
    assert [entry.code for entry in log.in_order()] == ["E401", "E301"]


def test_an_error_in_an_imported_file_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "a.eq").write_text("module A\ninput x\noutput y = x + true\n")
    (tmp_path / "b.eq").write_text("import A from a\nmodule B\ninput x\noutput y = A(x = x)\n")
    log = Log()
    assert load(tmp_path, log) == {}
    assert [entry.code for entry in log.in_order()] == ["E401"]
    with pytest.raises(SpecError, match="E401"):
        log.raise_errors()


def test_bom_and_crlf_and_no_newline_at_the_end(tmp_path: Path) -> None:
    text = "\ufeffmodule A\r\ninput x\r\noutput y = x\r\n  + 1"
    (tmp_path / "a.eq").write_bytes(text.encode())
    log = Log()
    assert list(load(tmp_path, log)) == ["a.A"] and not log.diagnostics
