"""Every wrong implementation of the museum is caught by an ordinary verification, and every
right one passes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def _gallery():
    spec = importlib.util.spec_from_file_location("museum_gallery", HERE / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


EXHIBITS = _gallery().exhibits()
BY_NAME = {exhibit.name: exhibit for exhibit in EXHIBITS}
RIGHT = [(e.name, name) for e in EXHIBITS for name in e.functions("right")]
WRONG = [(e.name, name) for e in EXHIBITS for name in e.functions("wrong")]


@pytest.mark.parametrize(("exhibit", "function"), RIGHT)
def test_right_code_passes(exhibit: str, function: str) -> None:
    report = BY_NAME[exhibit].verify(BY_NAME[exhibit].functions("right")[function])
    assert report.ok, str(report)


@pytest.mark.parametrize(("exhibit", "function"), WRONG)
def test_wrong_code_is_caught(exhibit: str, function: str) -> None:
    report = BY_NAME[exhibit].verify(BY_NAME[exhibit].functions("wrong")[function])
    assert report.verdict == "WRONG", str(report)


def test_every_exhibit_has_right_and_wrong_code_and_a_control_has_no_wrong_code() -> None:
    for exhibit in EXHIBITS:
        assert exhibit.functions("right")
        assert bool(exhibit.functions("wrong")) != exhibit.control
