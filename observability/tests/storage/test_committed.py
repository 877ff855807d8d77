import subprocess
import sys
from pathlib import Path

from opsconductor.storage.committed import CommittedReader, CommittedWriter, Position


def test_nothing_is_committed_before_the_first_position(tmp_path: Path) -> None:
    reader = CommittedReader(tmp_path / "committed")
    assert reader.read() is None
    writer = CommittedWriter(tmp_path / "committed")
    assert reader.read() is None
    writer.publish(Position(1, 64, 0))
    assert reader.read() == Position(1, 64, 0)


def test_a_position_outlives_its_writer(tmp_path: Path) -> None:
    for number in range(5):
        writer = CommittedWriter(tmp_path / "committed")
        assert writer.position == (Position(1, 64, number) if number else None)
        writer.publish(Position(1, 64, number + 1))
        writer.close()


def test_a_half_written_slot_leaves_the_older_position(tmp_path: Path) -> None:
    path = tmp_path / "committed"
    writer = CommittedWriter(path)
    writer.publish(Position(1, 64, 1))
    writer.publish(Position(1, 128, 2))  # generation 2 lies in slot 0
    for at in range(36):
        content = bytearray(path.read_bytes())
        content[at] ^= 0xFF
        broken = tmp_path / f"broken{at}"
        broken.write_bytes(content)
        assert CommittedReader(broken).read() == Position(1, 64, 1)


PUBLISH = """
import sys
from pathlib import Path
from opsconductor.storage.committed import CommittedWriter, Position
writer = CommittedWriter(Path(sys.argv[1]))
for number in range(1, 50_001):
    writer.publish(Position(number, number * 64, number))
"""


def test_a_reader_never_sees_a_mixed_position(tmp_path: Path) -> None:
    path = tmp_path / "committed"
    CommittedWriter(path).close()
    reader = CommittedReader(path)
    last = 0
    with subprocess.Popen([sys.executable, "-c", PUBLISH, str(path)]) as process:
        while process.poll() is None:
            position = reader.read()
            if position:
                assert position.length == position.first * 64 == position.last_sequence * 64
                assert position.last_sequence >= last
                last = position.last_sequence
    assert reader.read() == Position(50_000, 3_200_000, 50_000)
