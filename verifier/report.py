"""What a verification found, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from math import isinf
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .compare import LOSSY

Array = npt.NDArray[Any]

Verdict = Literal["OK", "WRONG", "LOSSY", "INCONCLUSIVE"]
VERDICTS: tuple[Verdict, ...] = ("WRONG", "INCONCLUSIVE", "LOSSY", "OK")
"""From the worst to the best."""

ENOUGH = 100
"""How many numbers it takes to call code lossy."""
EXACT = "exact arithmetic"
"""What stands for a dtype where no code is held against anything."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The worst element at which a check failed, and how to see it again.

    `matches` names what the implementation computes instead; `smallest` is a small case at which
    the check fails too, and what comes of it; `replay` tries that one alone.
    """

    check: str
    dtype: str
    regime: str
    seed: int
    tensor: str
    index: tuple[int, ...]
    expected: str
    got: str
    ratio: float
    equation: str
    place: str
    why: str
    command: str
    details: Mapping[str, str] = field(default_factory=dict)
    matches: str = ""
    smallest: str = ""
    replay: str = ""

    def __str__(self) -> str:
        where = f"{self.tensor}{list(self.index)}" if self.index else self.tensor
        lines = [f"WRONG {self.check} in {self.dtype}, {self.regime} (seed {self.seed}): {where}"]
        if self.equation:
            lines.append(f"  equation  {self.equation}    ({self.place})")
        if self.why:
            lines.append(f"  found     {self.why}")
        if self.details and self.ratio < float("inf"):
            lines.append(f"  error     {self.ratio:.3g} times what is allowed")
        if self.expected:
            lines.append(f"  expected  {self.expected}")
            lines.append(f"  got       {self.got}")
            if self.dtype != EXACT:
                lines.append(f"  error     {self.ratio:.3g} times the tolerance")
        lines += [f"  {name:9} {text}" for name, text in self.details.items()]
        replay = self.replay if self.replay != self.command else ""
        said = {"matches": self.matches, "smallest": self.smallest, "replay": replay}
        lines += [f"  {name:9} {text}" for name, text in said.items() if text]
        lines.append(f"  again     {self.command}")
        return "\n".join(lines)


@dataclass(slots=True)
class Check:
    """One check of a module: what it claims, how much it tried, and what came of it.

    `worst` is the largest error over its tolerance; `left_out` counts elements of which no
    claim is made: undefined, beyond the format, or on the brink of a jump. `notes` say more
    about what was tried; `unit` is what `compared` counts.
    """

    name: str
    claim: str
    cases: int = 0
    compared: int = 0
    left_out: int = 0
    worst: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unit: str = "numbers"
    _losses: dict[str, list[Array]] = field(default_factory=dict, repr=False)

    def lose(self, dtype: str, losses: Array) -> None:
        """Take in errors over those of a careful evaluation in the same dtype."""
        self._losses.setdefault(dtype, []).append(losses)

    @property
    def loss(self) -> dict[str, float]:
        """By dtype: the median error over that of a careful evaluation, where enough numbers
        were compared to say."""
        whole = {dtype: np.concatenate(parts) for dtype, parts in self._losses.items()}
        return {d: float(np.median(x)) for d, x in whole.items() if x.size >= ENOUGH}

    @property
    def lossy(self) -> dict[str, float]:
        """The dtypes in which the code loses accuracy that a careful evaluation keeps."""
        return {dtype: loss for dtype, loss in self.loss.items() if loss > LOSSY}

    def doubt(self, why: str) -> None:
        """Make the check inconclusive, unless it fails; said once."""
        if why not in self.doubts:
            self.doubts.append(why)

    def losses_in_words(self) -> list[str]:
        """What is said of each dtype in which the code is lossy."""
        return [
            f"in {dtype} half of the numbers are {loss:.1f} times or more as far off as a "
            "careful evaluation in that dtype"
            for dtype, loss in self.lossy.items()
        ]

    @property
    def verdict(self) -> Verdict:
        if self.failures:
            return "WRONG"
        if self.doubts or not self.cases:
            return "INCONCLUSIVE"
        return "LOSSY" if self.lossy else "OK"


@dataclass(slots=True)
class Report:
    """All checks of one implementation of one module. `cached`: it is that of an earlier run."""

    module: str
    implementation: str
    checks: list[Check]
    dtypes: tuple[str, ...]
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    cached: bool = False

    @property
    def ok(self) -> bool:
        """Whether every check passed, and every one tried something."""
        return bool(self.checks) and all(check.verdict == "OK" for check in self.checks)

    @property
    def verdict(self) -> Verdict:
        verdicts = [check.verdict for check in self.checks] or ["INCONCLUSIVE"]
        return min(verdicts, key=VERDICTS.index)

    @property
    def failures(self) -> list[Failure]:
        """The failures of all checks, root causes first: values before gradients."""
        return [failure for check in self.checks for failure in check.failures]

    @property
    def cases(self) -> int:
        return max((check.cases for check in self.checks), default=0)

    @property
    def compared(self) -> int:
        return sum(check.compared for check in self.checks)

    @property
    def worst(self) -> float:
        return max((check.worst for check in self.checks), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, which knows no infinite numbers: errors without a bound are None."""
        checks = []
        for check in self.checks:
            entry = {**asdict(check), "verdict": check.verdict, "loss": check.loss}
            del entry["_losses"]
            checks.append(entry)
        for entry in (*checks, *(failure for check in checks for failure in check["failures"])):
            entry |= {k: None for k, x in entry.items() if isinstance(x, float) and isinf(x)}
        return {
            "module": self.module,
            "implementation": self.implementation,
            "verdict": self.verdict,
            "dtypes": list(self.dtypes),
            "seconds": round(self.seconds, 3),
            "cached": self.cached,
            "notes": self.notes,
            "checks": checks,
        }

    def __str__(self) -> str:
        lines = [f"{self.module}: {self.implementation}: {self.verdict}"]
        for check in self.checks:
            lines.append(
                f"  {check.verdict:12} {check.name:11} {check.claim}: {check.cases} cases, "
                f"{check.compared} {check.unit} compared, {check.left_out} left out, "
                f"largest error {check.worst:.2g} of its tolerance"
            )
            notes = (*check.notes, *check.doubts, *check.losses_in_words())
            lines += [f"               {line}" for line in notes]
        lines += [f"  note: {note}" for note in self.notes]
        lines += ["", *self.explain()] if self.failures else []
        return "\n".join(lines)

    def explain(self, most: int = 3) -> list[str]:
        """The first failure of each check, at most so many; those last that show what others
        do."""
        first = [check.failures[0] for check in self.checks if check.failures]
        first.sort(key=lambda failure: failure.check in ("layouts", "masked", "class", "steps"))
        return [str(failure) for failure in first[:most]]


def from_dict(data: Mapping[str, Any], *, cached: bool = False) -> Report:
    """The report that `as_dict` gave, without failures."""
    checks = []
    for entry in data["checks"]:
        given = {f.name: entry[f.name] for f in fields(Check) if f.name in entry}
        check = Check(**given)
        for dtype, loss in entry["loss"].items():
            check.lose(dtype, np.full(ENOUGH, loss))  # their median is what counts
        checks.append(check)
    kept = {name: data[name] for name in ("module", "implementation", "seconds", "notes")}
    return Report(**kept, checks=checks, dtypes=tuple(data["dtypes"]), cached=cached)


def summary(reports: Sequence[Report]) -> str:
    """The last line of a run: how many modules came out how."""
    count = {verdict: 0 for verdict in ("OK", "WRONG", "LOSSY", "INCONCLUSIVE")}
    for report in reports:
        count[report.verdict] += 1
    parts = [f"{n} {verdict}" for verdict, n in count.items() if n or verdict == "OK"]
    noun = "module" if len(reports) == 1 else "modules"
    cached = sum(report.cached for report in reports)
    note = f" ({cached} from the cache)" if cached else ""
    return f"{len(reports)} {noun} verified: {', '.join(parts)}{note}"
