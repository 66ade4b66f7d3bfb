"""Verifies the library on a GPU, and measures it there against what is fast there.

    python benchmarks/gpu.py                  # on the first CUDA device, if there is one
    python benchmarks/gpu.py --quick          # few rounds
    python benchmarks/gpu.py --json FILE      # keep what was found, under "gpu"

Peers are torch's own attention and FlexAttention, cross-entropy as torch has it and as
Liger-Kernel fuses it, transformers for sampling and decoding, each plain and compiled by
torch.compile. Ends with status 1 where a module is not verified or two sides do not agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from harness import Meter, Pair, Row, attempt
from host import HostMeter, versions
from rows import attention, cross_entropy, decoding, sampler
from run import QUICK_ROUNDS, ROUNDS, line

DTYPES = ("float64", "float32", "bfloat16", "float16")
SECONDS = 20.0
"""For the rounds of a row."""


class CudaMeter:
    """Time between events on the device, and memory by its allocator."""

    clocks = ("device", "wall")

    def seconds(self, side: Callable[[], object], calls: int) -> tuple[float, float]:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        wall = time.perf_counter()
        start.record()
        for _ in range(calls):
            side()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1000, time.perf_counter() - wall

    def peak(self, side: Callable[[], object]) -> int | None:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        side()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before


def meter(device: str) -> Meter:
    """Of a device: cuda, or for trying this script, cpu."""
    return CudaMeter() if device == "cuda" else HostMeter()


def machine(device: str) -> dict[str, str]:
    """The card by its name, and what is installed."""
    if device != "cuda":
        return {"card": "none", **versions(("torch",))}
    properties = torch.cuda.get_device_properties(0)
    return {
        "card": properties.name,
        "memory": f"{properties.total_memory / 2**30:.0f} GiB",
        "CUDA": f"CUDA {torch.version.cuda}",
        **versions(("torch", "transformers", "liger-kernel")),
    }


# rows


def rows(device: str, small: bool = False) -> Iterator[Row]:
    """The rows of this script; small ones are for trying it."""
    half = partial(_typed, device, small)
    sizes = {"B": 1, "T": 8, "H": 2, "K": 4} if small else {"B": 4, "T": 2048, "H": 16, "K": 64}
    for peer, words, needs in (
        ("sdpa", "a layer by hand with scaled_dot_product_attention", ()),
        ("flex", "a layer by hand with FlexAttention, which is compiled", ()),
        ("llama", "transformers LlamaAttention, sdpa", ("transformers",)),
    ):
        for compiled in (False, True):
            build = half(attention.pair, peer=peer, compiled=compiled, **sizes)
            case = f"attention.RotaryAttentionHalves, forward and backward, {_words(sizes)}"
            yield _row("attention", peer, compiled, case, words, build, needs)
    sizes = {"N": 8, "D": 4, "V": 11} if small else {"N": 8192, "D": 2048, "V": 128256}
    for peer, words, needs in (
        ("torch", "matmul and F.cross_entropy", ()),
        ("liger", "Liger-Kernel's fused linear cross-entropy", ("liger_kernel",)),
    ):
        for compiled in (False, True)[: 2 if peer == "torch" else 1]:
            build = half(cross_entropy.pair, peer=peer, compiled=compiled, **sizes)
            case = f"losses.sharded.LinearCrossEntropy, forward and backward, {_words(sizes)}"
            yield _row("cross_entropy", peer, compiled, case, words, build, needs)
    V = 101 if small else 128256
    for B in (1, 32):
        build = partial(sampler.pair, B, V, device)
        words = "transformers logits processors, softmax and torch.multinomial"
        case = f"samplers.TopKTopPSampler, B={B} V={V}"
        yield _row("sampler", f"b{B}", False, case, words, build, ("transformers",))
    model, new = (_TINY, 4) if small else (decoding.SMALL, 64)
    for compiled in (False, True):
        build = partial(decoding.pair, 1, new=new, compiled=compiled, device=device, sizes=model)
        case = f"model.GPT2, GPT-2 small, {new} tokens, B=1, float32"
        words = "transformers generate, greedy"
        yield _row("decoding", "b1", compiled, case, words, build, ("transformers",))


def _words(sizes: Mapping[str, int]) -> str:
    return " ".join(f"{name}={size}" for name, size in sizes.items()) + ", bfloat16"


_TINY = {"V": 101, "D": 8, "H": 2, "K": 4, "F": 16, "L": 2, "Delta": 32}


def _typed(device: str, small: bool, pair: Callable[..., Pair], **settings: Any) -> Any:
    """A pair in bfloat16, but in float32 for trying the script."""
    dtype, tolerance = (torch.float32, 1e-4) if small else (torch.bfloat16, 3e-2)
    return partial(pair, device=device, dtype=dtype, tolerance=tolerance, **settings)


def _row(
    topic: str,
    variant: str,
    compiled: bool,
    case: str,
    peer: str,
    build: Callable[[], Pair],
    needs: tuple[str, ...],
) -> Row:
    name = f"{topic}.{variant}" + ("_compiled" if compiled else "")
    how = ", compiled" if compiled else ""
    return Row(name, f"{topic.replace('_', ' ')}{how}", case, peer, build, needs=needs)


# verification


def verified(device: str, names: Sequence[str]) -> dict[str, int] | None:
    """How many modules got which verdict at level quick in all dtypes; None where the command
    gave none."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reports.json"
        command = [sys.executable, "-c", "from lawful.cli.main import main; main()", "verify"]
        command += [*names, "--device", device, "--level", "quick", "--json", str(path)]
        for dtype in DTYPES:
            command += ["--dtype", dtype]
        subprocess.run(command)
        if not path.exists():
            return None
        reports = json.loads(path.read_text("utf-8"))["reports"]
    return dict(Counter(report["verdict"] for report in reports))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify and measure on a GPU.")
    parser.add_argument("names", nargs="*", help="modules to verify; all, where none is named")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--json", type=Path, help="a file to keep what was found in")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("There is no CUDA device here: nothing was verified or measured.")
        return 0
    found = everything("cuda", options.names, QUICK_ROUNDS if options.quick else ROUNDS)
    if options.json:
        known = json.loads(options.json.read_text("utf-8")) if options.json.exists() else {}
        text = json.dumps({**known, "gpu": found}, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", "utf-8")
    return status(found)


def everything(
    device: str, names: Sequence[str], rounds: int, small: bool = False
) -> dict[str, Any]:
    """What verification and the benchmarks find on a device, printed as it is found."""
    found: dict[str, Any] = {"machine": machine(device), "verified": verified(device, names)}
    print(f"{', '.join(found['machine'].values())}; verified: {found['verified']}")
    found["rows"] = {}
    for row in rows(device, small):
        found["rows"][row.name] = attempt(row, meter(device), rounds, SECONDS)
        print(line(row.name, found["rows"][row.name]), flush=True)
    return found


def status(found: Mapping[str, Any]) -> int:
    """1 where something is wrong, or nothing was verified."""
    verdicts = found["verified"] or {}
    right = bool(verdicts) and set(verdicts) == {"OK"}
    return int(not right or any("error" in row for row in found["rows"].values()))


if __name__ == "__main__":
    sys.exit(main())
