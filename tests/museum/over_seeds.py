"""Verifies the museum over many seeds, to see that no exhibit owes its verdict to luck.

    python tests/museum/over_seeds.py 20           # seeds 0 to 19, all exhibits
    python tests/museum/over_seeds.py 20 e05 e11   # those whose names begin so

Ends with status 1 where right code failed or wrong code was not caught at some seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from gallery import Exhibit, exhibits


def misses(exhibit: Exhibit, name: str, function: Callable[..., Any], seeds: range) -> list[int]:
    """The seeds at which right code does not pass, or wrong code is not caught."""
    wanted = "OK" if name.startswith("right") else "WRONG"
    return [seed for seed in seeds if exhibit.verify(function, seed).verdict != wanted]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Verify the museum over many seeds.")
    parser.add_argument("seeds", type=int, help="how many seeds")
    parser.add_argument("names", nargs="*", default=[""], help="how names of exhibits begin")
    options = parser.parse_args(arguments)
    failed = False
    for exhibit in exhibits():
        if not exhibit.name.startswith(tuple(options.names)):
            continue
        for name, function in (exhibit.functions("right") | exhibit.functions("wrong")).items():
            missed = misses(exhibit, name, function, range(options.seeds))
            done = "passed" if name.startswith("right") else "caught"
            count = f"{options.seeds - len(missed)} of {options.seeds}"
            print(f"{exhibit.name} {name}: {done} at {count} seeds", flush=True)
            if missed:
                print(f"    not at {', '.join(map(str, missed))}")
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
