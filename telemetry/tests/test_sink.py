import os
import threading
import time

import pytest

from opsconductor_telemetry import sink as module
from opsconductor_telemetry.sink import Sink


def report(dropped: int, total: int) -> bytes:
    return f"dropped {dropped} of {total}\n".encode()


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            pass


def read_lines(reader: int, count: int) -> list[bytes]:
    data = b""
    while data.count(b"\n") < count:
        data += os.read(reader, 1 << 20)
    return data.splitlines(keepends=True)


def test_lines_come_out_in_order(pipe) -> None:
    reader, writer = pipe
    sink = Sink(writer, report)
    lines = [f"line {number}\n".encode() for number in range(1000)]
    for line in lines:
        sink.put(line)
    assert read_lines(reader, 1000) == lines
    assert sink.flush(5)


def test_threads_do_not_tear_each_others_lines(pipe) -> None:
    reader, writer = pipe
    sink = Sink(writer, report)

    def write(name: int) -> None:
        for number in range(200):
            sink.put(f"{name} {number} {'x' * 500}\n".encode())

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    lines = read_lines(reader, 800)
    for name in range(4):
        own = [int(line.split()[1]) for line in lines if line.startswith(b"%d " % name)]
        assert own == list(range(200))


def test_a_stalled_reader_blocks_nobody_and_the_oldest_lines_go(pipe) -> None:
    reader, writer = pipe
    sink = Sink(writer, report, max_bytes=100_000)
    line = b"%06d" + b"x" * 993 + b"\n"
    for number in range(1000):  # 1 MB into a pipe of 64 KiB that nobody reads
        sink.put(line % number)
    assert not sink.flush(0.05)
    assert sink.dropped_total > 700
    kept = 1000 - sink.dropped_total
    lines = read_lines(reader, kept + 1)
    assert sink.flush(5)
    numbers = [int(line[:6]) for line in lines if not line.startswith(b"dropped")]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == kept
    assert numbers[-1] == 999
    assert [line for line in lines if line.startswith(b"dropped")] == [report(1000 - kept, 1000 - kept)]


def test_memory_is_bounded_while_stalled(pipe) -> None:
    _, writer = pipe
    sink = Sink(writer, report, max_bytes=50_000)
    for _ in range(2000):
        sink.put(b"x" * 999 + b"\n")
    assert sum(map(len, sink._lines)) == sink._bytes <= 50_000


def test_a_reader_that_went_is_counted_not_raised(pipe, monkeypatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    reader, writer = pipe
    os.close(reader)
    sink = Sink(writer, report)
    sink.put(b"lost\n")
    deadline = time.monotonic() + 5
    while sink.dropped_total < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sink.dropped_total == 1


def test_a_full_disk_is_reported_later_and_the_torn_line_is_closed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    path = tmp_path / "out"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    write, failing = os.write, threading.Event()
    failing.set()

    def write_half(fd: int, data: bytes) -> int:
        if fd != descriptor or not failing.is_set():
            return write(fd, data)
        if path.stat().st_size:
            raise OSError(28, "No space left on device")
        return write(fd, bytes(data)[:3])

    monkeypatch.setattr(module.os, "write", write_half)
    sink = Sink(descriptor, report)
    sink.put(b"torn line\n")
    deadline = time.monotonic() + 5
    while sink.dropped_total < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    failing.clear()
    sink.put(b"whole line\n")
    assert sink.flush(5)
    os.close(descriptor)
    assert path.read_bytes() == b"tor\ndropped 1 of 1\nwhole line\n"


def test_a_non_blocking_stdout_is_waited_for(pipe) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    sink = Sink(writer, report)
    for number in range(300):
        sink.put(b"%03d" % number + b"x" * 996 + b"\n")
    time.sleep(0.05)
    assert len(read_lines(reader, 300)) == 300
    assert sink.dropped_total == 0
