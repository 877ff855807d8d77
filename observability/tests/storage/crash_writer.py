"""A writer under load, to be killed: DATA FIRST… (the next number of each client). Prints "NAME NUMBER" when stored.

Clients "s0".."s2" send ranges of a source and go on from the committed end; "f0" and "f1" send no sources and send
their last number again. Each append has three rows "NAME:NUMBER:INDEX".
"""

import sys
import threading
from pathlib import Path

import pyarrow as pa

from opsconductor.storage.append import Append, SourceRange
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.table import TableSpec
from opsconductor.storage.writer import Writer

COLUMNS = pa.schema([("time", pa.int64()), ("series", pa.uint64()), ("line", pa.string())])
TABLE = TableSpec("logs", COLUMNS, 1_000, ("time", "series", "line"), ("line",))
CLIENTS = ("s0", "s1", "s2", "f0", "f1")
SETTINGS = StorageSettings(retention_ns=0, disk_reserve_bytes=0, wal_file_bytes=60_000, source_ttl_ns=10**18)


def send(writer: Writer, name: str, number: int) -> None:
    series = CLIENTS.index(name)
    while True:
        # Every fifth batch of a client is late, so that foreign ones are compared with what is stored.
        time = (number - (7 if number % 5 == 0 else 0)) * 10
        lines = [f"{name}:{number}:{index}" for index in range(3)]
        columns = [[time, time + 1, time + 2], [series] * 3, lines]
        rows = pa.RecordBatch.from_arrays(
            [pa.array(c, f.type) for c, f in zip(columns, COLUMNS, strict=True)], schema=COLUMNS
        )
        sources = (SourceRange(name, number, number + 1),) if name.startswith("s") else ()
        writer.append(Append("t", rows, [(series, f'{{n="{name}"}}')], sources)).result()
        sys.stdout.write(f"{name} {number}\n")
        sys.stdout.flush()
        number += 1


def main() -> None:
    data = Path(sys.argv[1])
    writer = Writer.open(data, TABLE, SETTINGS)
    committed = writer.committed_sources("t")
    for name, text in zip(CLIENTS, sys.argv[2:], strict=True):
        number = committed.get(name, 0) if name.startswith("s") else int(text)
        threading.Thread(target=send, args=(writer, name, number), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
