"""Addresses as a ledger's place: no password is shown, and none becomes a directory's name."""

from __future__ import annotations

import pytest

from llmkit.core.errors import BadRequest
from llmkit.ledger import Ledger
from llmkit.ledger.checkup import look
from llmkit.ledger.merge import merge
from llmkit.ledger.place import ledger_path, shown

SECRET = "sEcReT"


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://anna:{SECRET}@db.example/team",
        f"postgresql://anna:p/{SECRET}@db.example/team",
        f"postgresql://anna:{SECRET}/w@db.example/team",
        f"postgresql://anna:{SECRET}#w@db.example/team",
        f"postgresql://anna:{SECRET}?w@db.example/team",
        f"postgresql://anna:p@{SECRET}@db.example/team",
        f"postgresql://db.example/team?password=p@{SECRET}",
        f"postgresql+psycopg://anna:{SECRET}@db.example/team",
        f"POSTGRESQL://anna:{SECRET}@db.example/team",
        f"mysql://anna:{SECRET}@db.example/team",
    ],
)
def test_no_spelling_of_an_address_shows_its_password(address):
    assert SECRET not in shown(address)


def test_what_is_plainly_no_password_is_shown():
    assert shown("postgresql://anna:x@db.example:5432/team?sslmode=require") == (
        "postgresql://anna:…@db.example:5432/team"
    )
    assert shown("/home/anna/ledger.db") == "/home/anna/ledger.db"


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "POSTGRESQL", "mysql"])
def test_an_address_of_another_kind_makes_no_directories_and_is_told_of(scheme, tmp_path, monkeypatch, begin):
    monkeypatch.chdir(tmp_path)
    address = ledger_path({"LLMKIT_LEDGER": f"{scheme}://anna:{SECRET}@db.example/team"})
    with Ledger.open(address) as ledger:
        ledger.settle(begin(ledger), status="ok")
        assert [row["status"] for row in ledger.rows()] == ["ok"]
        assert ledger.in_memory
        assert not ledger.healthy
        said = " ".join(ledger.notices)
    with pytest.raises(BadRequest, match="neither a file nor an address") as refused:
        merge(address, _a_ledger(tmp_path, begin))
    assert look(address).trouble
    assert SECRET not in f"{said} {refused.value} {look(address)} {ledger!r}"
    assert "postgresql://USER" in said
    assert [file.name for file in tmp_path.iterdir() if not file.name.startswith("other.db")] == []


def test_a_slash_in_a_password_is_explained_and_no_half_of_it_quoted():
    psycopg = pytest.importorskip("psycopg", reason="psycopg, which reads such addresses, is not installed")
    assert psycopg
    with Ledger.open(f"postgresql://127.0.0.1:{SECRET}/w@db.example/team") as ledger:
        (notice,) = ledger.notices
    assert "%2F" in notice
    assert SECRET not in notice


def _a_ledger(folder, begin):
    path = folder / "other.db"
    with Ledger.open(path) as ledger:
        ledger.settle(begin(ledger), status="ok")
    return path
