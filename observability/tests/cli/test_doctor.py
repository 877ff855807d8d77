import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsconductor.cli.home import find_config
from opsconductor.cli.ports import Ports

Run = Callable[..., Any]


def test_a_good_machine(run_cli: Run, tmp_path: Path, offset: int) -> None:
    config = str(find_config(None))
    done = run_cli("doctor", "--home", str(tmp_path / "home"), "--config", config, "--port-offset", str(offset))
    assert done.returncode == 0, done.stdout
    for word in ("Python", "clock", "home", "disk", "configuration", "user", "postgres", "redis", "nginx"):
        assert f"ok       {word}: " in done.stdout
    assert not (tmp_path / "home").exists()


def test_every_problem_is_named_with_what_to_do(run_cli: Run, tmp_path: Path, offset: int) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "promtail.yml").write_text("clients: [\n")
    words = ("doctor", "--home", "/proc/nowhere", "--config", str(config), "--port-offset", str(offset))
    with socket.create_server(("127.0.0.1", Ports(offset).of("logs"))):
        done = run_cli(*words)
        found = {line["name"]: line for line in json.loads(run_cli(*words, "--json").stdout) if not line["is_ok"]}
    assert done.returncode == 1
    assert set(found) == {"home", "disk", "configuration", "ports of observability"}
    assert f"used by pid {os.getpid()}" in found["ports of observability"]["detail"]
    assert "PORT_OFFSET=" in found["ports of observability"]["advice"]
    assert all(line["advice"] for line in found.values())
    assert done.stdout.count("PROBLEM") == 8  # promtail.yml is wrong, the four others are missing
