import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from opsconductor.cli import home as home_module
from opsconductor.cli.home import Home, HomeError, find_config, link_config, locate_home, prepare_home
from opsconductor.cli.passwords import LENGTH, ensure_password, read_password
from opsconductor.model.errors import ConfigError


def make_config(folder: Path) -> Path:
    (folder / "nginx").mkdir(parents=True)
    (folder / "promtail.yml").write_text("server: {}\n")
    return folder


def test_a_home_is_this_users_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "below" / "home")
    prepare_home(home)
    for folder in (home.root, *home.folders()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    prepare_home(home)


def test_the_mode_of_what_exists_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    prepare_home(Home(tmp_path))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_home_that_cannot_be_written_says_what_to_do() -> None:
    with pytest.raises(HomeError, match=r"cannot write the home folder /proc/nowhere: .* --home DIR"):
        prepare_home(Home(Path("/proc/nowhere")))


def test_a_home_on_a_full_disk_says_how_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "FRESH_BYTES", shutil.disk_usage(tmp_path).total + 1)
    with pytest.raises(HomeError, match=r"MiB are free on its disk, \d+ MiB are needed"):
        prepare_home(Home(tmp_path / "home"))


def mount(options: str, folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(folder), *command], capture_output=True, text=True, check=False
    )


can_mount = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root to mount a file system of its own"
)


@can_mount
@pytest.mark.parametrize(
    ("options", "words"),
    [("ro", "Read-only file system"), ("size=1m", "256 MiB are needed")],
    ids=["read-only", "full"],
)
def test_up_in_a_home_that_is_no_good(options: str, words: str, tmp_path: Path) -> None:
    import sys

    config = make_config(tmp_path / "config")
    command = ["up", "--detach", "--home", str(tmp_path / "disk/home"), "--config", str(config)]
    (tmp_path / "disk").mkdir()
    done = mount(options, tmp_path / "disk", [sys.executable, "-P", "-m", "opsconductor.cli.main", *command])
    if "permission denied" in done.stderr:
        pytest.skip("this machine forbids mounting")
    assert done.returncode == 1
    assert words in done.stderr
    assert "--home DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_the_home_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate_home(None).root == tmp_path / ".opsconductor"
    assert locate_home(Path("other")).root == tmp_path / "other"
    monkeypatch.setenv("OPSCONDUCTOR_HOME", str(tmp_path / "third"))
    assert locate_home(None).root == tmp_path / "third"


def test_where_the_configuration_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(tmp_path / "checkout" / "config")
    inner = tmp_path / "checkout" / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert find_config(None) == config
    other = make_config(tmp_path / "other")
    assert find_config(other) == other
    with pytest.raises(ConfigError, match=r"holds no promtail\.yml"):
        find_config(tmp_path)
    monkeypatch.setenv("OPSCONDUCTOR_CONFIG", str(other))
    assert find_config(None) == other


def test_paths_of_configuration_files_resolve_below_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    prepare_home(home)
    for name in ("one", "two"):
        config = make_config(tmp_path / name)
        (config / "rules").mkdir()
        link_config(home, config)
        assert (home.root / "etc/prometheus/rules").resolve() == config / "rules"
        assert (home.root / "etc/promtail/promtail.yml").resolve() == config / "promtail.yml"


def test_a_password_is_made_once_and_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    prepare_home(home)
    path = ensure_password(home, "redis-password")
    first = read_password(path)
    assert len(first) == LENGTH
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_password(ensure_password(home, "redis-password")) == first
    assert read_password(ensure_password(home, "postgres-password")) != first
    assert len(list(home.secrets.iterdir())) == 2
