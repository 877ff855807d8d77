"""Bad starts of the alerts role: one line that says what to do, and exit status 2."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = "route: {receiver: all}\nreceivers: [{name: all}]\n"


def start(config: Path, data: Path, listen: str = "127.0.0.1:0") -> subprocess.CompletedProcess[str]:
    words = ["run", "alerts", "--config", str(config), "--data", str(data), "--listen", listen]
    command = [sys.executable, "-m", "opsconductor.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def check_refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.match(f"opsconductor: cannot {message}", done.stderr), done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("route: [", r"read YAML: .*alertmanager\.yml:1"),
        ("route: {receiver: none}\nreceivers: [{name: all}]\n", r".*none.*alertmanager\.yml:1"),
        ("", r"read the configuration: the file is empty"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "alertmanager.yml").write_text(text)
    check_refused(start(tmp_path / "alertmanager.yml", tmp_path / "data"), message)


def test_a_missing_file_a_bad_folder_and_a_taken_port_are_named(tmp_path: Path) -> None:
    check_refused(start(tmp_path / "none.yml", tmp_path / "data"), r"read .*none\.yml: .*--config")
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG)
    check_refused(start(config, config / "below"), r"open the alerts' state: .*below")
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        port = occupant.getsockname()[1]
        check_refused(start(config, tmp_path / "data", f"127.0.0.1:{port}"), r"listen on .*the port is in use")
