"""The pages of equations: what the script gives, from records that are what they say."""

from __future__ import annotations

import importlib.util
import json
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lawful.compiler import typed as t
from lawful.compiler.diagnostics import Log
from lawful.compiler.library import load
from lawful.verifier.candidate import generated
from lawful.verifier.verify import Options, verify_other

ROOT = Path(__file__).resolve().parents[1]
IDS = {
    1: "AR|EMB|CE|BSL|MHA|FFN|LN/RMS|BLK|SGD/AdamW|RLHF|OPT|RM(BT)|DPO|RSFT|RLVR|GEN|KV|HALL|SYC"
    "|ICL|COT|RAG|CL",
    2: "GQA/MQA|MLA|SWA|ALiBi|CAP|SINK|ROPE-i|ROPE-h|NTK|YaRN|QKN|ONL|LSE-merge|MoE gate|MASK0",
    3: "CE-ls|z|CE-chunk / vocab-parallel|accum|cDPO|rDPO|IPO|SLiC|KTO|SimPO|ORPO|CPO|PPO|GAE|GRPO"
    "|Dr.GRPO|DAPO|GSPO|RLOO|CISPO|k1,k2,k3|distil|PRM/BCE, entropy bonus, TIS",
    4: "T|top-k|top-p|min-p|typical|epsilon/eta|rep/pres/freq|Gumbel|spec|typical-accept"
    "|CFG, XTC, DRY, beam, best-of-n",
    5: "max-shift|online==full|KV==full|split/ring LSE merge|MLA naive==absorbed|RoPE relative"
    "|RoPE-i==P RoPE-h P^T|ALiBi shift|GQA(G=H)==MHA|sink==softmax over n+1 with v=0"
    "|CE grad = p-y|z-loss grad = 2c lse p|DPO grad (paper and swapped A.4)|OPT closed form"
    "|DPO==BT at r=beta log ratio|GRPO value 0 at ratio 1|GSPO detach gradient|E[k3]=KL"
    "|RLOO == (G/(G-1))(R-mean)|JSD symmetric at 1/2|label smoothing as CE to mixed target"
    "|accumulation == full|vocab-parallel CE == CE|Gumbel law|speculative law|ICL one-step GD",
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_equations", ROOT / "docs" / "make_equations.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def library() -> dict[str, t.Module]:
    return load(ROOT / "spec", Log())


@pytest.fixture(scope="module")
def made(script: ModuleType) -> dict[Path, str]:
    pages: dict[Path, str] = script.pages()
    return pages


def test_the_pages_are_what_the_script_gives(
    made: dict[Path, str], golden: Callable[[Path, str], None]
) -> None:
    for path, text in made.items():
        golden(path, text)
    assert set((ROOT / "docs" / "equations").glob("*.md")) <= set(made), "a page of no spec file"


def test_every_link_of_a_page_leads_somewhere(made: dict[Path, str]) -> None:
    for path, text in made.items():
        for target in _targets(text):
            file, _, anchor = target.partition("#")
            place = (path.parent / file).resolve()
            assert place.exists(), f"{path.name}: {target}"
            if anchor.startswith("L"):
                last = int(anchor.split("L")[-1])
                assert last <= len(place.read_text("utf-8").split("\n")), target
            elif anchor:
                heads = [line[3:].lower() for line in made[place].split("\n") if line[:3] == "## "]
                assert anchor in heads, f"{path.name}: {target}"


def _targets(text: str) -> list[str]:
    return [part.partition(")")[0] for part in text.split("](")[1:]]


def test_every_row_of_the_list_is_covered_or_not(
    script: ModuleType, library: dict[str, t.Module]
) -> None:
    rows = script.coverage()
    assert {n: [r["id"] for r in rows if r["section"] == n] for n in IDS} == {
        n: ids.split("|") for n, ids in IDS.items()
    }
    for row in rows:
        assert row["state"] in script.COLOURS and row["title"]
        assert row["modules"] or row["state"] == "not done"
        assert row["state"] == "done" or row["note"], row["id"]
        assert set(row["modules"]) <= set(library), row["id"]
        for pair in row.get("against", ()):
            assert set(pair) <= set(library), row["id"]
        for law in row.get("laws", ()):
            module, _, name = law.rpartition(".")
            assert name in [held.name for held in library[module].laws], law


PAIRS = [
    tuple(pair)
    for row in tomllib.loads((ROOT / "docs" / "coverage.toml").read_text("utf-8"))["row"]
    for pair in row.get("against", ())
]


@pytest.mark.parametrize("one, other", PAIRS)
def test_pairs_are_one_function(one: str, other: str, library: dict[str, t.Module]) -> None:
    options = Options(dtypes=("float64",), regime="typical")
    code = generated(library[one], ROOT / "generated")
    report = verify_other(library[one], code, library[other], options)
    verdicts = {check.name: check.verdict for check in report.checks}
    assert verdicts["equal values"] == "OK" and verdicts.get("equal gradients", "OK") == "OK"


def test_the_figure_is_a_picture_of_the_rows(script: ModuleType) -> None:
    rows = [{"section": 1, "state": state} for state in ("done", "done", "differs", "not done")]
    picture = script.figure(rows)
    ET.fromstring(picture)
    assert "2 of 4" in picture and picture.count("0 of 0") == 4
    bars = [line for line in picture.split("\n") if 'y="10"' in line]
    widths = [float(line.split('width="')[1].split('"')[0]) for line in bars]
    assert widths == [240.0, 120.0, 120.0]


# records

NAME = "losses.dpo.DPO"


def report(**changes: Any) -> dict[str, Any]:
    values = {"name": "values", "unit": "numbers", "compared": 20, "left_out": 1, "worst": 0.0512}
    law = {"name": "law at_reference", "unit": "instances", "compared": 12, "worst": 0.1234}
    checks = [{**values, "verdict": "OK"}, {**law, "left_out": 0, "verdict": "OK"}]
    found = {"module": NAME, "verdict": "OK", "dtypes": ["float64"], "checks": checks, **changes}
    return {"level": "full", "torch": "2.13.0", "reports": [found]}


def test_a_record_says_what_was_tried(script: ModuleType, library: dict[str, t.Module]) -> None:
    records = script.condense(report(), {"kept.Other": {}})
    assert list(records) == ["kept.Other", NAME]
    assert records[NAME]["laws"] == {"at_reference": ["OK", 12]}
    assert script._details(library[NAME], records) == (
        "OK (values): 20 numbers compared in float64, 1 left out, largest error 0.123 of its "
        "tolerance; level full, torch 2.13.0"
    )
    at_reference, gradient, *_ = library[NAME].laws
    assert script._law_status(library[NAME], at_reference, records) == "OK, 12 instances"
    assert script._law_status(library[NAME], gradient, records).startswith("not verified yet")


def test_what_was_not_verified_is_never_ok(
    script: ModuleType, library: dict[str, t.Module]
) -> None:
    assert script.status(NAME, {}) == "not verified yet"
    assert script._law_status(library[NAME], library[NAME].laws[0], {}) == "not verified yet"
    records = script.condense(report(verdict="WRONG"), {})
    assert script.status(NAME, records) == "WRONG"


@pytest.mark.parametrize("kind", ["spec", "code"])
def test_a_stale_record_is_told(
    script: ModuleType, library: dict[str, t.Module], kind: str
) -> None:
    records = script.condense(report(), {})
    records[NAME][kind] = "0" * 64
    assert script.status(NAME, records) == "changed since it was verified"
    assert script._details(library[NAME], records) == "changed since it was verified"


def test_records_name_modules_of_the_library(library: dict[str, t.Module]) -> None:
    records = json.loads((ROOT / "docs" / "verification.json").read_text("utf-8"))
    assert set(records) <= set(library)
