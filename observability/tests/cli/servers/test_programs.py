from collections.abc import Callable
from pathlib import Path

import pytest

from opsconductor.cli.servers import programs
from opsconductor.cli.servers.programs import (
    MissingServerError,
    Program,
    find_nginx,
    find_postgres,
    find_redis,
    list_postgres,
    read_version,
)


@pytest.mark.parametrize("find", [find_postgres, find_redis, find_nginx])
def test_what_is_not_here_is_named(
    find: Callable[[], Program], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find().source != "PATH"
    monkeypatch.setattr(programs, "_package_folder", lambda _package: None)
    with pytest.raises(MissingServerError, match=rf"cannot start {find.__name__[5:]}: .*opsconductor\[servers\]"):
        find()


def test_the_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'Redis server v=7.0.15 sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = find_redis()
    assert (found.path, found.version, found.major, found.source) == (program, "7.0.15", 7, "PATH")


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    assert read_version(program) == ""
    assert read_version(tmp_path / "missing") == ""


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(MissingServerError, match="was written by PostgreSQL 9 and this machine has"):
        find_postgres(tmp_path)


def test_data_finds_the_server_that_wrote_it(tmp_path: Path) -> None:
    for program in list_postgres():
        (tmp_path / "PG_VERSION").write_text(f"{program.major}\n")
        assert find_postgres(tmp_path).major == program.major
