"""Holds code of other libraries against our specs, and writes docs/conformance.md.

    python examples/conformance/run.py                     # verify all that is installed
    python examples/conformance/run.py 'torch_ops:*' …     # verify some of it
    python examples/conformance/run.py --text              # verify nothing: texts have changed

What was found is kept in docs/conformance.json, from which the page is written.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SPECS = Path(__file__).parent / "spec"
RECORDS = ROOT / "docs" / "conformance.json"
sys.path.insert(0, str(ROOT))

import lawful  # noqa: E402
from lawful.compiler.diagnostics import Log  # noqa: E402
from lawful.compiler.library import load  # noqa: E402
from lawful.compiler.typed import Module  # noqa: E402
from lawful.verifier.report import Report  # noqa: E402

from examples.conformance.entries import entries  # noqa: E402
from examples.conformance.entry import Entry  # noqa: E402
from examples.conformance.page import PAGE, page  # noqa: E402

LIBRARIES = ("torch", "transformers", "trl")


def spec(name: str) -> Module:
    """The module that an entry names: of the library, or of the folder beside this file."""
    bare = name.removeprefix("lawful.")
    return _specs(SPECS if bare == name else ROOT / "spec")[bare]


@cache
def _specs(root: Path) -> Mapping[str, Module]:
    log = Log()
    modules = load(root, log)
    log.raise_errors()
    return modules


def found(entry: Entry) -> dict[str, Any]:
    """What verification in each dtype says of an entry."""
    return {
        dtype: _condensed(lawful.verify(spec(entry.spec), entry.function, dtypes=[dtype]), dtype)
        for dtype in entry.dtypes
    }


def text(entry: Entry) -> dict[str, str]:
    """What an entry says of itself."""
    return {
        "code": entry.code,
        "spec": entry.spec,
        "variant": entry.variant,
        "why": entry.why,
    }


def _condensed(report: Report, dtype: str) -> dict[str, Any]:
    losses = [check.loss[dtype] for check in report.checks if dtype in check.loss]
    examples = []
    for check in report.checks:
        if check.failures:
            failure = check.failures[0]
            examples.append(
                {
                    "check": check.name,
                    "regime": failure.regime,
                    "element": f"{failure.tensor}{list(failure.index) or ''}",
                    "expected": failure.expected or failure.details.get("right", ""),
                    "got": failure.got or failure.details.get("left", ""),
                    "ratio": _finite(failure.ratio),
                    "found": failure.why.split("\n")[0],
                }
            )
    return {
        "verdict": report.verdict,
        "worst": _finite(report.worst),
        "loss": _finite(max(losses)) if losses else None,
        "compared": report.compared,
        "doubts": [doubt for check in report.checks for doubt in check.doubts],
        "examples": examples,
    }


def _finite(x: float) -> float | None:
    """To three digits; None for what JSON has no number for."""
    return float(f"{x:.3g}") if isfinite(x) else None


def versions() -> dict[str, str]:
    """Of the libraries that are installed."""
    result = {}
    for library in LIBRARIES:
        try:
            result[library] = version(library).partition("+")[0]
        except PackageNotFoundError:
            continue
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Hold other libraries' code against our specs.")
    parser.add_argument("names", nargs="*", default=["*"], help="MODULE:FUNCTION, as a pattern")
    parser.add_argument("--text", action="store_true", help="verify nothing")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # of the libraries, about how they are called
    logging.disable(logging.WARNING)
    records: dict[str, Any] = {"versions": {}, "entries": {}}
    if RECORDS.exists():
        records = json.loads(RECORDS.read_text("utf-8"))
    held = list(entries())
    records["entries"] = _up_to_date(records["entries"], held)
    for entry in held:
        if not options.text and any(fnmatch(entry.name, name) for name in options.names):
            of = found(entry)
            records["entries"][entry.name]["found"] = of
            verdicts = [f"{dtype} {one['verdict']}" for dtype, one in of.items()]
            print(f"{entry.name:45} {', '.join(verdicts)}", flush=True)
            _write(records)
    records["versions"] |= versions()
    _write(records)
    return 0


def _up_to_date(known: Mapping[str, Any], held: Sequence[Entry]) -> dict[str, Any]:
    """Records of what is held, in its order, with the texts of now; then those of libraries
    that are not installed."""
    now = {e.name: {"found": {}, **known.get(e.name, {}), **text(e)} for e in held}
    modules = {name.partition(":")[0] for name in now}
    absent = {name: r for name, r in known.items() if name.partition(":")[0] not in modules}
    return now | absent


def _write(records: Mapping[str, Any]) -> None:
    RECORDS.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(records), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
