"""Writes docs/museum.md: the bugs in tests/museum, and what verification says of each.

Every exhibit is verified anew, at level quick and seed 0, and compared with right code on one
random case as ordinary tests would. Run it as `python docs/make_museum.py`; it takes minutes.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lawful.verifier.candidate import arguments, outputs
from lawful.verifier.flatten import flatten
from lawful.verifier.plan import BITS
from lawful.verifier.regimes import REGIMES, case
from lawful.verifier.report import Failure, Report

ROOT = Path(__file__).resolve().parents[1]
MUSEUM = ROOT / "tests" / "museum"
PAGE = ROOT / "docs" / "museum.md"
WIDTH = 120
"""Where the lines of a message are cropped."""

_HEAD = """# The museum

Bugs that really happened, in libraries that many people rely on: an equation, and code that was
not it. Each is here as a spec, right code, and the wrong code written anew from its description.
Right code must pass verification and wrong code must not; `tests/museum` holds both to that.

{exhibits} exhibits have {wrong} wrong implementations. The first two rows set them beside right
code, on one random case in float32:

| | finds |
| --- | ---: |
| `torch.allclose(rtol=1e-2, atol=1e-2)` | {allclose} of {wrong} |
| `torch.testing.assert_close` | {assert_close} of {wrong} |
| verification at level quick, seed 0 | {caught} of {wrong} |

The case is the typical one: numbers around 1, sizes that differ, masks at random, constants at
their defaults. Tests that draw equal lengths or no masks find less. No part of the verifier knows
of an exhibit.

This page is written by `docs/make_museum.py`, which runs all of it.
"""


def _gallery() -> Any:
    """`tests/museum/gallery.py`, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("museum_gallery", MUSEUM / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


gallery = _gallery()


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found in an implementation: the first failure of a verification, if any, and
    whether two ordinary comparisons with right code would fail."""

    name: str
    verdict: str
    failure: Failure | None
    allclose: bool
    assert_close: bool

    @property
    def where(self) -> str:
        """The check that catches it, in which dtype and regime."""
        found = self.failure
        return f"{found.check}, {found.dtype}, {found.regime}" if found else "not caught"


def findings(exhibit: Any, prefix: str) -> list[Finding]:
    """What is found in the functions of an exhibit whose names begin so."""
    made = []
    for name, function in exhibit.functions(prefix).items():
        report: Report = exhibit.verify(function)
        failure = report.failures[0] if report.failures else None
        made.append(Finding(name, report.verdict, failure, *compared(exhibit, function)))
    return made


def compared(exhibit: Any, function: Callable[..., Any]) -> tuple[bool, bool]:
    """Whether `allclose` to 1e-2 and `assert_close` tell a function from right code on one
    random case."""
    module = flatten(exhibit.spec())
    the_case = case(module, REGIMES[0], 0, BITS["float32"])
    right = next(iter(exhibit.functions("right").values()))

    def called(f: Callable[..., Any]) -> dict[str, torch.Tensor]:
        call = arguments(module, the_case, torch.float32, "cpu", gradients=False)
        return outputs(module, f(**call.keywords))

    wanted = called(right)
    try:
        got = called(function)
    except Exception:  # what raises is seen by any test
        return True, True
    pairs = [(got[name], wanted[name]) for name in wanted]
    return not all(_allclose(a, b) for a, b in pairs), not all(_close(a, b) for a, b in pairs)


def _allclose(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-2, atol=1e-2)


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    try:
        torch.testing.assert_close(a, b)
    except AssertionError:
        return False
    return True


# the page


def render(exhibits: Sequence[Any]) -> str:
    """The page, of these exhibits and controls."""
    bugs = {e.name: findings(e, "wrong") for e in exhibits if not e.control}
    found = [finding for each in bugs.values() for finding in each]
    parts = [
        _HEAD.format(
            exhibits=len(bugs),
            wrong=len(found),
            allclose=sum(finding.allclose for finding in found),
            assert_close=sum(finding.assert_close for finding in found),
            caught=sum(finding.verdict == "WRONG" for finding in found),
        )
    ]
    parts.append(
        "## Exhibits\n\n| | exhibit | reported | code | caught by | allclose | assert_close |"
    )
    parts.append("| ---: | --- | --- | --- | --- | --- | --- |")
    for exhibit in exhibits:
        if not exhibit.control:
            parts += rows(exhibit, bugs[exhibit.name])
    parts.append("")
    for exhibit in exhibits:
        if not exhibit.control:
            parts += _section(exhibit, bugs[exhibit.name])
    controls = [exhibit for exhibit in exhibits if exhibit.control]
    if controls:
        parts.append(
            "## Controls\n\nReported as bugs, or unlike the equation to look at, and right: "
            "verification must not object.\n"
        )
        for exhibit in controls:
            parts += _control(exhibit, findings(exhibit, "right"))
    return "\n".join(parts)


def rows(exhibit: Any, found: Sequence[Finding]) -> Iterator[str]:
    """The lines of the table for an exhibit, one for each wrong implementation."""
    heading = f"{number(exhibit)}. {exhibit.title}"
    title = f"[{_plain(exhibit.title)}](#{_anchor(heading)})"
    first = f"{number(exhibit)} | {title} | {links(exhibit, short=True)}"
    for finding in found:
        seen = ["finds it" if seen else "-" for seen in (finding.allclose, finding.assert_close)]
        yield f"| {first} | `{finding.name}` | {finding.where} | {' | '.join(seen)} |"
        first = "| |"


def _section(exhibit: Any, found: Sequence[Finding]) -> Iterator[str]:
    yield f"### {number(exhibit)}. {exhibit.title}\n\n{_sources(exhibit)}\n"
    yield f"- Equation: {_plain(exhibit.equation)}"
    yield f"- Bug: {_plain(exhibit.bug)}"
    yield f"- Hidden by: {_plain(exhibit.hidden)}\n"
    for finding in found:
        yield f"`{finding.name}`: {finding.verdict}\n"
        if finding.failure is not None:
            yield f"```\n{message(finding.failure)}\n```\n"


def _control(exhibit: Any, found: Sequence[Finding]) -> Iterator[str]:
    yield f"### {exhibit.title}\n\n{_sources(exhibit)}\n"
    yield f"- Equation: {_plain(exhibit.equation)}"
    yield f"- Reported: {_plain(exhibit.bug)}"
    yield f"- Why it is none: {_plain(exhibit.hidden)}\n"
    yield ", ".join(f"`{finding.name}`: {finding.verdict}" for finding in found) + "\n"


def message(failure: Failure) -> str:
    """A failure as it is printed: without the command to repeat it, its place from the root of
    the project or the folder of the exhibit, its lines cropped."""
    name, _, line = failure.place.rpartition(":")
    path = Path(name).resolve()
    place = path.name if MUSEUM in path.parents else path.relative_to(ROOT)
    printed = str(replace(failure, place=f"{place}:{line}")).split("\n")[:-1]
    for folder in (f"{path.parent}/", f"{ROOT}/.import/lawful/", f"{ROOT}/"):
        printed = [x.replace(folder, "") for x in printed]
    return "\n".join(x if len(x) <= WIDTH else x[: WIDTH - 1] + "…" for x in printed)


def number(exhibit: Any) -> str:
    """The number of an exhibit; several may share one."""
    return exhibit.name.partition("_")[0].lstrip("e0")


def links(exhibit: Any, short: bool = False) -> str:
    """Where the bug was reported, as links; short ones are without the owner's name."""
    found = []
    for link in exhibit.links:
        repository, _, issue = link.partition("#")
        label = link.rpartition("/")[2] if short else link
        found.append(f"[{label}](https://github.com/{repository}/issues/{issue})")
    return ", ".join(found)


def _sources(exhibit: Any) -> str:
    """Links to reports, spec and code."""
    if exhibit.module is None:
        spec = f"[its own spec](../tests/museum/{exhibit.name}/spec.eq)"
    else:
        stem, _, name = exhibit.module.rpartition(".")
        spec = f"[{_plain(exhibit.module)}](equations/{stem}.md#{name.lower()})"
    code = f"[code](../tests/museum/{exhibit.name}/code.py)"
    return f"Reported: {links(exhibit) or 'nowhere'}. Held against {spec}; {code}."


def _anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _plain(text: str) -> str:
    """Text in which Markdown sees code between backticks, and nothing else."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_\[\]<>|$#~])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(gallery.exhibits()), "utf-8")
