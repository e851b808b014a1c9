"""A text goes into a file whole or not at all."""

from __future__ import annotations

import json
import os
import stat

import pytest

from llmkit.engine.wholefile import write_whole


def test_the_folders_on_the_way_are_made(tmp_path):
    written = write_whole(tmp_path / "a" / "b" / "talk.json", "{}")
    assert written.read_text("utf-8") == "{}"


def test_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert write_whole("~/talk.json", "{}") == tmp_path / "talk.json"


def test_what_was_there_stays_until_all_is_written(tmp_path, monkeypatch):
    file = write_whole(tmp_path / "talk.json", "old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["talk.json"]
    assert file.read_text("utf-8") == "old"


def test_half_a_surrogate_pair_comes_back_from_json(tmp_path):
    written = write_whole(tmp_path / "talk.json", json.dumps("half \ud83c", ensure_ascii=False))
    assert json.loads(written.read_text("utf-8")) == "half \ud83c"


def test_the_ends_of_lines_stay_as_they_are(tmp_path):
    assert write_whole(tmp_path / "talk.txt", "a\r\nb\n").read_bytes() == b"a\r\nb\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_a_file_keeps_its_rights_and_a_new_one_has_those_of_any_new_file(tmp_path):
    def rights(file):
        return stat.S_IMODE(file.stat().st_mode)

    any_file = tmp_path / "any"
    any_file.touch()
    file = write_whole(tmp_path / "talk.json", "old")
    assert rights(file) == rights(any_file)
    file.chmod(0o640)
    assert rights(write_whole(file, "new")) == 0o640


def test_a_link_goes_on_pointing_at_the_file(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text("old", "utf-8")
    link = tmp_path / "link.json"
    link.symlink_to(file)
    assert write_whole(link, "new") == link
    assert link.is_symlink()
    assert file.read_text("utf-8") == "new"
