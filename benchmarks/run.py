"""Measures rows of the benchmarks, each in a process of its own.

    python benchmarks/run.py                        # all rows
    python benchmarks/run.py 'attention.*' …        # some of them
    python benchmarks/run.py --quick                # few rounds: an impression
    python benchmarks/run.py --json FILE            # keep what was found, beside what FILE has of
                                                    # other rows
    python benchmarks/run.py --list

Ends with status 1 where two sides did not agree or a row could not be measured. A gate that is
not met is said, and no error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from harness import Row, attempt
from host import HostMeter, limit_memory, machine
from record import about
from rows import rows

HERE = Path(__file__).resolve().parent
TOOL = HERE / "tool.py"
ROUNDS, QUICK_ROUNDS = 15, 3
SECONDS, POINT_SECONDS = 90.0, 20.0
"""For the rounds of a row, and of one that is a point of a plot."""
MEMORY = 8 * 2**30
"""Bytes that a row may need; of one that would need more, that is said."""
LIMIT = 1800
"""Seconds after which a row is given up."""


def in_this_process(row: Row, rounds: int) -> dict[str, Any]:
    """The record of a row, from this interpreter."""
    torch.set_num_threads(row.threads)
    limit_memory(MEMORY)
    budget = POINT_SECONDS if row.sweep else SECONDS
    return attempt(row, HostMeter(), rounds, budget)


def in_own_process(row: Row, quick: bool) -> dict[str, Any]:
    """The record of a row from a fresh interpreter."""
    command = [sys.executable, __file__, "--row", row.name, "--json", "-"]
    threads = str(row.threads)
    try:
        done = subprocess.run(
            command + ["--quick"] * quick,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {**about(row), "error": f"took more than {LIMIT} seconds"}
    if done.returncode:
        return {**about(row), "error": f"the process ended with status {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def line(name: str, found: Mapping[str, Any]) -> str:
    """A row of the table."""
    why = found.get("error") or found.get("skipped")
    if why:
        return f"{name:28} {'ERROR' if 'error' in found else 'skipped'}: {why}"
    low, middle, high = found["ratio"]
    memory = found["memory_ratio"]
    parts = [
        f"{name:28} {middle:8.3g} ({low:.3g} to {high:.3g})",
        f"memory {'-' if memory is None else format(memory, '.3g')}",
    ]
    for gate in found["gates"]:
        parts.append(f"{in_words(gate)}: {'met' if gate['met'] else 'NOT MET'}")
    return "   ".join(parts)


def in_words(gate: Mapping[str, Any]) -> str:
    """A gate, as it stands in a table."""
    stretch = "" if gate["stretch"] is None else f" ({gate['stretch']:g})"
    if gate["of"] == "speedup":
        return f"≥ {gate['bound']:g}{stretch} times faster"
    return f"{gate['of']} ≤ {gate['bound']:g}{stretch}"


def merged(known: Mapping[str, Any], here: Mapping[str, str], found: Mapping[str, Any]) -> Any:
    """What is known, with what was found in its place. On another machine, or with other
    versions, nothing that was known holds."""
    if known.get("machine") != here:
        known = {"gpu": known.get("gpu")}
    order = rows()
    measured = {**known.get("rows", {}), **found.get("rows", {})}
    return {
        **known,
        "machine": here,
        "rows": {name: measured[name] for name in order if name in measured},
        "tool": found.get("tool") or known.get("tool"),
    }


def tool(quick: bool) -> Any:
    """What a script of its own measures of the tool itself; None where it gave nothing."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tool.json"
        subprocess.run([sys.executable, TOOL, "--json", path, *["--quick"] * quick])
        return json.loads(path.read_text("utf-8")) if path.exists() else None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure our code against its peers.")
    parser.add_argument("names", nargs="*", default=["*"], help="rows, as patterns")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--json", help="where to keep what was found")
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--row", help="measure one row in this process, print JSON")
    options = parser.parse_args(arguments)
    known = rows()
    if options.row:
        rounds = QUICK_ROUNDS if options.quick else ROUNDS
        print(json.dumps(in_this_process(known[options.row], rounds)))
        return 0
    chosen = [row for row in known.values() if any(fnmatch(row.name, n) for n in options.names)]
    if options.list:
        print("\n".join(f"{row.name:28} {row.case}" for row in chosen))
        return 0
    print(f"{'row':28} time, ours / peer's (quartiles)   memory, gates")
    found: dict[str, Any] = {"rows": {}}
    for row in chosen:
        found["rows"][row.name] = in_own_process(row, options.quick)
        print(line(row.name, found["rows"][row.name]), flush=True)
        keep(options.json, found)
    if TOOL.exists() and any(fnmatch("tool", name) for name in options.names):
        found["tool"] = tool(options.quick)
        keep(options.json, found)
    failed = any("error" in each for each in found["rows"].values())
    return int(failed or ("tool" in found and found["tool"] is None))


def keep(path: str | None, found: Mapping[str, Any]) -> None:
    """Write what was found so far."""
    if path is None:
        return
    file = Path(path)
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    text = json.dumps(merged(known, machine(), found), indent=1, ensure_ascii=False)
    file.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
