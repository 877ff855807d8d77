"""Storage engine: ingest with fdatasync, flush, snapshot and duplicate figures, on this machine's disk.

    python benchmarks/storage.py [--rows 1000000] [--batch 5000] [--directory DIR]

Prints one figure a line. Rows are JSON log lines of about 300 bytes over 30 series.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from opsconductor.storage.append import Append, SourceRange
from opsconductor.storage.compactor import Compactor
from opsconductor.storage.reader import Reader
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.table import TableSpec
from opsconductor.storage.writer import Writer

COLUMNS = pa.schema(
    [
        ("time", pa.int64()),
        ("series", pa.uint64()),
        ("line", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
    ]
)
TABLE = TableSpec("logs", COLUMNS, 20_000_000_000, ("time", "series", "line", "metadata"), ("line",))
SERIES = [(number, f'{{service="s{number}"}}') for number in range(30)]
STEP_NS = 200_000
LINES = 100_000
"""Distinct lines; more than a row group has, so that repetition does not help compression."""


def make_lines(count: int) -> pa.Array:
    chance = random.Random(1)
    lines = [
        json.dumps(
            {
                "time": f"2026-01-02T03:04:05.{chance.randrange(10**6):06d}Z",
                "level": "info",
                "service": "auth",
                "message": "request",
                "http.request.method": chance.choice(["GET", "POST"]),
                "url.path": f"/api/runs/{chance.randrange(50_000)}",
                "http.response.status_code": chance.choice([200] * 19 + [500]),
                "duration_ms": round(chance.lognormvariate(2, 1), 3),
                "trace_id": f"{chance.getrandbits(128):032x}",
                "span_id": f"{chance.getrandbits(64):016x}",
            }
        )
        for _ in range(count)
    ]
    return pa.array(lines)


def make_batch(lines: pa.Array, number: int, size: int, start_ns: int) -> pa.RecordBatch:
    rows = np.arange(number * size, (number + 1) * size)
    columns = [
        pa.array(start_ns + rows * STEP_NS),
        pa.array((rows * 7919 % len(SERIES)).astype(np.uint64)),
        lines.take(pa.array(rows % LINES)),
        pa.array([None] * size, COLUMNS.field("metadata").type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=COLUMNS)


def best(what: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        what()
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def ingest(data: Path, rows: int, size: int) -> None:
    lines = make_lines(LINES)
    start = time.time_ns() - rows * STEP_NS
    batches = [make_batch(lines, number, size, start) for number in range(rows // size)]
    raw = sum(batch.nbytes for batch in batches)
    with Writer.open(data, TABLE, StorageSettings(max_backlog_bytes=2**40)) as writer:
        begin = time.perf_counter()
        cpu = time.process_time()
        for number, batch in enumerate(batches):
            source = SourceRange("file", number, number + 1)
            writer.append(Append("tenant", batch, SERIES, (source,))).result()
        took, cpu = time.perf_counter() - begin, time.process_time() - cpu
        print(
            f"ingest, one at a time, fdatasync each: {rows / took:,.0f} rows/s, {raw / took / 1e6:,.0f} MB/s, "
            f"{took / len(batches) * 1e3:.2f} ms a batch of {size}, {cpu / rows * 1e6:.2f} CPU-s a million rows"
        )
        later = [make_batch(lines, number, size, start) for number in range(len(batches), 2 * len(batches))]
        begin = time.perf_counter()
        waiting = [writer.append(Append("foreign", batch, SERIES)) for batch in later[:20]]
        for future in waiting:
            future.result()
        took = time.perf_counter() - begin
        print(f"ingest, 20 at once, no sources (duplicate check, monotone): {20 * size / took:,.0f} rows/s")
        print(
            f"  a resent batch, found in the head: "
            f"{best(lambda: writer.append(Append('foreign', later[5], SERIES)).result(), 5):.1f} ms"
        )
    begin = time.perf_counter()
    with Writer.open(data, TABLE) as writer:
        took = time.perf_counter() - begin
        print(f"replay of {writer.backlog_bytes / 1e6:,.0f} MB: {took * 1e3:.0f} ms")


def snapshot(data: Path, label: str) -> None:
    begin = time.perf_counter()
    reader = Reader(data, TABLE)
    reader.snapshot("tenant").close()
    print(f"first snapshot of a reader, {label}: {(time.perf_counter() - begin) * 1e3:.1f} ms")
    print(f"later snapshot, {label}: {best(lambda: reader.snapshot('tenant').close(), 50):.3f} ms")
    with reader.snapshot("tenant") as view:
        print(f"list_series, {label}: {best(lambda: view.list_series(0, 2**62), 5):.1f} ms")


def flush(data: Path) -> None:
    """Runs in a process of its own, for its peak memory."""
    settings = StorageSettings(flush_interval_ns=0)
    with Compactor(data, TABLE, settings) as compactor:
        begin, cpu, slices = time.perf_counter(), time.process_time(), 0
        while compactor.run_once():
            slices += 1
        took, cpu = time.perf_counter() - begin, time.process_time() - cpu
    with Reader(data, TABLE).snapshot("tenant") as view:
        parts = view.list_parts(0, 2**62)
    rows = sum(part.rows for part in parts)
    size = sum(part.path.stat().st_size for part in parts if part.path)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024  # getrusage() would give the parent's
    print(
        f"flush: {rows / took:,.0f} rows/s in {slices} slices, {cpu / rows * 1e6:.2f} CPU-s a million rows, "
        f"{size / rows:.0f} bytes a row on disk, peak RSS {peak:.0f} MB"
    )


def resend(data: Path, rows: int, size: int) -> None:
    with Reader(data, TABLE).snapshot("tenant") as view:
        oldest = view.list_parts(0, 2**62)[-1].min_time
    batch = make_batch(make_lines(LINES), 3, size, oldest)
    with Writer.open(data, TABLE) as writer:
        took = best(lambda: writer.append(Append("tenant", batch, SERIES)).result(), 5)
    print(f"a resent batch of {size}, found in segments of {rows:,} rows: {took:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--directory", type=Path, help="where the data folder is made; default the temporary folder")
    parser.add_argument("--flush", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flush:
        flush(options.flush)
        return
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        data = Path(folder)
        ingest(data, options.rows, options.batch)
        snapshot(data, "all rows in the head")
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "--flush", folder], check=True)
        snapshot(data, "all rows in segments")
        resend(data, options.rows, options.batch)


if __name__ == "__main__":
    main()
