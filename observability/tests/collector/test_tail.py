import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsconductor.collector import tail as tail_module
from opsconductor.collector.identity import Identity, digest_head, read_head
from opsconductor.collector.tail import BLOCK_BYTES, FileTruncatedError, Tail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.log"
    file.write_bytes(b"one\ntwo\nthr")
    return file


@pytest.fixture
def tail(path: Path) -> Iterator[Tail]:
    opened = Tail(os.open(path, os.O_RDONLY), 0, b"", b"one\n")
    yield opened
    opened.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_only_whole_lines_are_read_and_the_rest_on_request(path: Path, tail: Tail) -> None:
    block = tail.read()
    assert block is not None
    assert (block.lines, block.start, block.end, block.anchor) == ([b"one", b"two"], 0, 8, b"one\ntwo\n")
    assert tail.read() is None
    append(path, b"ee\n\nfour")
    block = tail.read()
    assert block is not None
    assert (block.lines, block.start, block.end) == ([b"three", b""], 8, 15)
    rest = tail.read_rest()
    assert rest is not None
    assert (rest.lines, rest.end) == ([b"four"], 19)
    assert tail.read_rest() is None


def test_a_block_at_a_time(path: Path, tail: Tail) -> None:
    append(path, b"ee\n" + b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 2000)
    lines: list[bytes] = []
    while (block := tail.read()) is not None:
        assert block.end - block.start <= BLOCK_BYTES
        lines += block.lines
    assert lines == path.read_bytes().split(b"\n")[:-1]


@pytest.mark.parametrize("content", [b"", b"one\n", b"other head\nand more of it\n", b"one\ntwX\nthree\n"])
def test_other_content_is_noticed(path: Path, tail: Tail, content: bytes) -> None:
    tail.read()
    path.write_bytes(content)
    with pytest.raises(FileTruncatedError):
        tail.read()


def test_a_line_longer_than_a_block_and_one_longer_than_the_bound(
    path: Path, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "LINE_BYTES_MAX", 3 * BLOCK_BYTES)
    monkeypatch.setattr(tail_module, "SCAN_BYTES", BLOCK_BYTES)
    long, too_long = b"a" * (2 * BLOCK_BYTES), b"b" * (4 * BLOCK_BYTES)
    append(path, b"ee\n" + long + b"\n" + too_long + b"\nend\n")
    blocks = [block for _ in range(20) if (block := tail.read()) is not None]
    lines = [line for block in blocks for line in block.lines]
    assert lines == [b"one", b"two", b"three", long, b"b" * (3 * BLOCK_BYTES), b"end"]
    assert [block.cut for block in blocks if len(block.lines[0]) > BLOCK_BYTES] == [False, True]
    assert blocks[-1].end == path.stat().st_size


def test_a_head_is_the_first_line_or_a_kibibyte(path: Path) -> None:
    def head_of(content: bytes) -> bytes | None:
        path.write_bytes(content)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return read_head(descriptor)
        finally:
            os.close(descriptor)

    assert head_of(b"") is None
    assert head_of(b"unfinished") is None
    assert head_of(b"first\nsecond") == b"first\n"
    assert head_of(b"x" * 5000) == b"x" * 1024


def test_an_id_tells_device_inode_head_and_generation_apart() -> None:
    heads = [digest_head(b"a"), digest_head(b"b")]
    ids = {Identity(device, inode, head, number).id for device in (1, 2) for inode in (1, 2) for head in heads
           for number in (0, 1)}  # fmt: skip
    assert len(ids) == 16
    assert Identity(1, 1, heads[0]).id == Identity(1, 1, heads[0], 0).id
