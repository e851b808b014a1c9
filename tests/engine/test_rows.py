"""The rows of one turn of the loop go to the ledger in one transaction."""

import asyncio

from llmkit.engine.rows import RowWriter
from llmkit.ledger.store import Ledger


class Counted(Ledger):
    """A ledger that counts its transactions."""

    writes = 0

    def write(self, rows):
        self.writes += 1
        super().write(rows)


def open_ledger(tmp_path):
    return Counted(str(tmp_path / "ledger.db"))


def draft(ledger, call="c"):
    return ledger.draft(call=call, attempt=1, session="s", provider="p", model="m")


def test_rows_that_are_ready_together_share_a_transaction(tmp_path):
    ledger = open_ledger(tmp_path)

    async def main():
        writer = RowWriter(ledger, alone=lambda: False)
        await asyncio.gather(*(writer.write(draft(ledger, f"c{n}")) for n in range(100)))

    asyncio.run(main())
    assert len(list(ledger.rows())) == 100
    assert ledger.writes == 1


def test_a_row_that_is_alone_is_written_at_once(tmp_path):
    ledger = open_ledger(tmp_path)

    async def main():
        writer = RowWriter(ledger, alone=lambda: True)
        writing = writer.write(draft(ledger))
        try:
            writing.send(None)
        except StopIteration:
            return True
        return False

    assert asyncio.run(main())
    assert len(list(ledger.rows())) == 1


def test_a_row_is_on_disk_when_write_returns(tmp_path):
    ledger = open_ledger(tmp_path)

    async def main():
        writer = RowWriter(ledger, alone=lambda: False)
        await writer.write(draft(ledger))
        with Ledger.open(tmp_path / "ledger.db") as other:
            return len(list(other.rows()))

    assert asyncio.run(main()) == 1


def test_a_row_whose_writer_is_cancelled_is_written_all_the_same(tmp_path):
    ledger = open_ledger(tmp_path)

    async def main():
        writer = RowWriter(ledger, alone=lambda: False)
        task = asyncio.ensure_future(writer.write(draft(ledger)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert [row["status"] for row in ledger.rows()] == ["pending"]


def test_an_attempt_that_ends_before_its_first_row_is_written_stays_ended(tmp_path):
    ledger = open_ledger(tmp_path)

    async def main():
        writer = RowWriter(ledger, alone=lambda: False)
        row = draft(ledger)
        task = asyncio.ensure_future(writer.write(row))
        await asyncio.sleep(0)
        writer.flush(ledger.close_row(row["id"], status="cancelled"))
        await task

    asyncio.run(main())
    assert [row["status"] for row in ledger.rows()] == ["cancelled"]
