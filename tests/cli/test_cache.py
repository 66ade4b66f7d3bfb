"""What lawful remembers: entries as they were written or none, keys that tell sources apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lawful.cli import cache as kept


def only(folder: Path) -> Path:
    """The one file below a folder."""
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    return path


def test_an_entry_comes_back_as_it_was(cache: Path) -> None:
    entry = {"a": [1, 2.5, None, "γ"], "b": {"c": True}}
    assert kept.read("kind", "key") is None
    kept.write("kind", "key", entry)
    assert kept.read("kind", "key") == entry
    assert only(cache) == cache / "lawful" / "kind" / "key.json", "and nothing lies beside it"


def test_an_entry_that_is_not_as_it_was_written_is_none(cache: Path) -> None:
    kept.write("kind", "key", {"verdict": "OK"})
    path = only(cache)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert kept.read("kind", "key") is None, at
        path.write_bytes(whole[:at])
        assert kept.read("kind", "key") is None, at
    path.write_bytes(whole)
    assert kept.read("kind", "key") == {"verdict": "OK"}


def test_a_place_that_cannot_be_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    kept.write("kind", "key", 1)
    assert kept.read("kind", "key") is None
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    kept.write("kind", "key", 1)
    assert kept.read("kind", "key") is None
    assert not Path("not").exists() and not Path("~").exists()


def test_a_write_that_fails_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        kept.write("kind", "key", 1)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_what_was_long_unused_goes(cache: Path) -> None:
    kept.write("kind", "old", 1)
    kept.write("kind", "used", 1)
    for path in cache.rglob("*.json"):
        os.utime(path, (0, 0))
    assert kept.read("kind", "used") == 1
    kept._prune.cache_clear()
    kept.write("kind", "new", 1)
    assert sorted(path.stem for path in cache.rglob("*.json")) == ["new", "used"]


def test_the_hash_of_the_sources_is_of_each_and_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PACKAGE", tmp_path)
    files = ("__init__.py", "cli/a.py", "compiler/g.lark", "compiler/p.eq", "compiler/t/f.j2")
    files += ("runtime/ops.py", "verifier/v.py")
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("x = 1\n")
    seen = {kept.sources()}
    for file in files:
        (tmp_path / file).write_text("x = 2\n")
        seen.add(kept.sources())
    (tmp_path / "verifier" / "v.py").rename(tmp_path / "verifier" / "w.py")
    seen.add(kept.sources())
    (tmp_path / "verifier" / "w.py").unlink()
    seen.add(kept.sources())
    assert len(seen) == len(files) + 3
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "other.py").write_text("")
    assert kept.sources() in seen, "generated code is no part of lawful itself"


def test_a_digest_tells_where_a_part_ends() -> None:
    assert kept.digest("ab", "c") != kept.digest("a", "bc")
    assert kept.digest("1:a") != kept.digest("a")
    assert kept.digest("γ") == kept.digest("γ".encode())


def test_a_distribution_that_is_absent_has_no_version() -> None:
    ruff, nothing = kept.versions("ruff", "no-such-distribution")
    assert ruff[0].isdigit() and nothing == ""
