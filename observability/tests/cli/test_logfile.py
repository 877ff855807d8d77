import resource
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from opsconductor.cli.logfile import LONGEST_LINE, BoxLog, LogFile, LogWriter, Stream


def read_all(path: Path) -> bytes:
    """Eldest first."""
    elders = sorted(path.parent.glob(f"{path.name}.*"), key=lambda elder: -int(elder.suffix[1:]))
    return b"".join(file.read_bytes() for file in [*elders, path])


def test_rotation_is_by_rename_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "auth" / "auth.log"
    file = LogFile(path, rotate_bytes=100, keep_files=3)
    lines = [f"{number:09}\n".encode() for number in range(95)]
    inodes = []
    for line in lines:
        file.write(line)
        inodes.append(path.stat().st_ino)
    file.close()
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "auth.log",
        "auth.log.1",
        "auth.log.2",
        "auth.log.3",
    ]
    assert read_all(path) == b"".join(lines[-35:])  # three full files of ten lines and one of five
    assert (tmp_path / "auth" / "auth.log.1").stat().st_ino == inodes[89]
    assert file.dropped == 0


def test_it_appends_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for text in (b"one\n", b"two\n"):
        file = LogFile(path)
        file.write(text)
        file.close()
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_removed_file_is_made_again(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log")
    file.write(b"one\n")
    file.path.unlink()
    file.write(b"two\n")
    file.close()
    assert file.path.read_bytes() == b"two\n"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from opsconductor.cli.logfile import LogFile
file = LogFile(Path(sys.argv[1]))
file.write(b"first\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
file.write(b"second\\nthird is longer than what is left\\nfourth\\n")
file.write(b"fifth is too long for it\\n")
print(file.dropped, file.error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.write(b"sixth\\n")
print(file.dropped, file.error)
"""


def test_a_full_disk_drops_whole_lines_counts_them_and_goes_on_after(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    path = tmp_path / "a.log"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert path.read_bytes() == b"first\nsecond\nsixth\n"
    assert done.stdout.splitlines() == [f"3 {path}: File too large", "3 "]


def test_a_file_that_cannot_be_opened_costs_its_lines_only(tmp_path: Path) -> None:
    (tmp_path / "a.log").mkdir()
    file = LogFile(tmp_path / "a.log")
    file.write(b"one\ntwo\n")
    assert file.dropped == 2
    assert "directory" in file.error


def test_a_disk_that_hangs_blocks_nobody(tmp_path: Path) -> None:
    import os

    path = tmp_path / "fifo"
    os.mkfifo(path)  # opening it for writing waits until somebody reads
    writer = LogWriter(queue_bytes=1000)
    log = BoxLog(LogFile(path), writer)
    stream = Stream(log)
    for number in range(1000):
        stream.feed(f"{number:09}\n".encode())
    assert log.dropped == 900
    assert log.last_line == "000000999"
    with path.open("rb") as reader:
        writer.close()
        log.file.close()
        assert reader.read().count(b"\n") == 100


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_a_stream_is_cut_into_whole_lines_however_it_arrives(chunks: list[bytes]) -> None:
    written: list[bytes] = []

    class Keep(LogWriter):
        def __init__(self) -> None:
            pass

        def submit(self, file: LogFile, lines: bytes) -> bool:
            written.append(lines)
            return True

    stream = Stream(BoxLog(LogFile(Path("/nowhere")), Keep()))
    for chunk in chunks:
        stream.feed(chunk)
    stream.finish()
    said = b"".join(chunks)
    assert b"".join(written) == said + (b"\n" if said and not said.endswith(b"\n") else b"")
    assert all(lines.endswith(b"\n") for lines in written)


def test_an_endless_line_is_cut(tmp_path: Path) -> None:
    writer = LogWriter()
    log = BoxLog(LogFile(tmp_path / "a.log"), writer)
    stream = Stream(log)
    for _ in range(6):
        stream.feed(b"x" * (LONGEST_LINE // 2))
    writer.close()
    assert len(log.file.path.read_bytes().splitlines()) == 2
