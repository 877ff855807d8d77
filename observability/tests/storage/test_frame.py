import itertools
from typing import Any

import pyarrow as pa
import pytest

from opsconductor.storage.frame import Damage, Frame, encode_payload, pack_frame, scan_frames

SALT = 7


def pack(kit: Any, lines: list[str], sequence: int, salt: int = SALT) -> bytes:
    rows = kit.rows([(index, 1, line) for index, line in enumerate(lines)])
    payload = encode_payload({"tenant": "t", "series": [], "sources": []}, rows)
    content = b"".join(bytes(part) for part in pack_frame(payload, sequence, 5, salt))
    assert len(content) == payload.size
    return content


def scan(content: bytes, salt: int | None = SALT) -> list[Frame | Damage]:
    return list(scan_frames(pa.py_buffer(content), 0, len(content), salt))


def test_frames_come_back_with_their_rows_and_numbers(kit: Any) -> None:
    content = pack(kit, ["a", "b" * 100], 10) + pack(kit, [], 12) + pack(kit, ["c"], 13)
    assert len(content) % 64 == 0
    frames = scan(content)
    assert [(f.sequence, f.last_sequence, f.rows, f.written_ns) for f in frames] == [
        (10, 11, 2, 5),
        (12, 12, 0, 5),
        (13, 13, 1, 5),
    ]
    batch = frames[0].decode(kit.table.schema)
    assert batch.column("line").to_pylist() == ["a", "b" * 100]
    assert batch.column("sequence").to_pylist() == [10, 11]


def test_rows_are_mapped_without_a_copy(kit: Any) -> None:
    buffer = pa.py_buffer(pack(kit, ["some line"], 1))
    (frame,) = scan_frames(buffer, 0, buffer.size, SALT)
    line = frame.decode(kit.table.schema).column("line").buffers()[2]
    assert buffer.address <= line.address < buffer.address + buffer.size


def test_a_torn_tail_at_any_length_spares_what_is_before(kit: Any) -> None:
    first, second = pack(kit, ["a"], 1), pack(kit, ["b"], 2)
    for cut in range(len(second)):
        found = scan(first + second[:cut])
        assert isinstance(found[0], Frame)
        rest = [Damage(len(first), len(first) + cut)] if cut else []
        assert found[1:] == rest


def test_a_flipped_byte_anywhere_harms_only_its_frame(kit: Any) -> None:
    parts = [pack(kit, ["a"], 1), pack(kit, ["b"], 2), pack(kit, ["c"], 3)]
    start, end = len(parts[0]), len(parts[0]) + len(parts[1])
    body_end = end - pad_of(parts[1])
    content = bytearray(b"".join(parts))
    for at in range(start, body_end):
        content[at] ^= 0x41
        found = scan(bytes(content))
        content[at] ^= 0x41
        assert [f.sequence for f in found if isinstance(f, Frame)] == [1, 3], at
        assert [f for f in found if isinstance(f, Damage)] == [Damage(start, end)], at


def pad_of(content: bytes) -> int:
    """Bytes of padding at the end, which no checksum covers."""
    (frame,) = scan(content)
    assert isinstance(frame, Frame)
    return len(content) - sum(frame.body)


def test_two_damaged_places_are_both_found(kit: Any) -> None:
    parts = [pack(kit, [str(n)], n) for n in range(1, 6)]
    ends = list(itertools.accumulate(map(len, parts)))
    content = bytearray(b"".join(parts))
    content[ends[0] + 70] ^= 1
    content[ends[2] + 70] ^= 1
    found = scan(bytes(content))
    assert [type(item).__name__ for item in found] == ["Frame", "Damage", "Frame", "Damage", "Frame"]
    spans = [(item.start, item.end) for item in found]
    assert spans == list(itertools.pairwise([0, *ends]))


def test_a_frame_inside_a_line_is_not_taken_for_one(kit: Any) -> None:
    forged = pack(kit, ["forged"], 99, salt=1)
    holder = bytearray(pack(kit, ["x" * 4096], 1))
    at = holder.index(b"x" * 64)
    aligned = at + -at % 64
    holder[aligned : aligned + len(forged)] = forged
    content = bytes(holder) + pack(kit, ["after"], 2)
    assert [type(item).__name__ for item in scan(content)] == ["Damage", "Frame"]
    assert len(scan(content, salt=None)) == 4  # the salt it is that tells them apart


def test_text_that_is_not_utf8_is_refused(kit: Any) -> None:
    with pytest.raises(TypeError):
        encode_payload({"tenant": "\ud800"}, kit.rows([]))
