"""The role as a process: start, stop, and death at any moment."""

import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

BATCH = 20


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def find_child(role, module):
    wait_until(lambda: module in role.children().values())
    return next(pid for pid, name in role.children().items() if name == module)


class Load:
    """Clients that push numbered lines and send again what was not acknowledged, as a collector does."""

    def __init__(self, clients, tenant, now):
        self.url = ""
        self.tenant, self.now = tenant, now
        self.acknowledged = set()
        self.errors = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._push, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def _push(self, client):
        """Even clients send source ranges, odd ones rely on the comparison of rows."""
        batch = 0
        while not self._stop.is_set():
            lines = [f"{client}/{batch}/{n}" for n in range(BATCH)]
            values = [[str(self.now + batch * BATCH + n), line] for n, line in enumerate(lines)]
            body = {"streams": [{"stream": {"client": str(client)}, "values": values}]}
            headers = {"X-Scope-OrgID": self.tenant}
            if client % 2 == 0:
                source = [{"id": f"file-{client}", "start": batch * 100, "end": batch * 100 + 100}]
                headers["X-Opsconductor-Sources"] = base64.b64encode(json.dumps(source).encode()).decode()
            if self._send(body, headers):
                self.acknowledged.update(lines)
                batch += 1

    def _send(self, body, headers):
        """Whether it was acknowledged; False when the role is gone meanwhile."""
        while not self._stop.is_set():
            try:
                answer = httpx.post(f"{self.url}/loki/api/v1/push", json=body, headers=headers, timeout=10)
            except (httpx.HTTPError, httpx.InvalidURL):
                time.sleep(0.02)
                continue
            if answer.status_code == 204:
                return True
            if answer.status_code not in (429, 503):
                self.errors.append(f"{answer.status_code} {answer.text}")
                return False
        return False

    def finish(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def read_lines(role, tenant, clients, now):
    """Every stored line, in pages of one client's batches."""
    found = []
    for client in range(clients):
        start = now
        while page := role.query(
            tenant, f'{{client="{client}"}}', start=start, end=now + 10**10, direction="forward"
        ):
            found += [line for _, line in page]
            start = page[-1][0] + 1
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.soak)])
def test_every_acknowledged_line_is_there_once_after_kill_9(start_role, tmp_path, tenant, now, kills):
    clients = 4
    load = Load(clients, tenant, now)
    try:
        for _ in range(kills):
            role = start_role(data=tmp_path)
            load.url = role.url
            before = len(load.acknowledged)
            wait_until(lambda floor=before: len(load.acknowledged) > floor + 10 * BATCH)
            time.sleep(random.random() / 2)
            role.kill_group()
        role = start_role(data=tmp_path)
        load.url = role.url
        before = len(load.acknowledged)
        wait_until(lambda: len(load.acknowledged) > before + clients * BATCH)
    finally:
        load.finish()
    assert load.errors == []
    found = read_lines(role, tenant, clients, now)
    assert len(found) == len(set(found))
    assert load.acknowledged <= set(found)


def test_a_killed_query_worker_is_replaced_and_the_role_stays_ready(start_role, tenant, now):
    role = start_role()
    assert role.push(tenant, {"a": "b"}, [(now, "x")]).status_code == 204
    for _ in range(3):
        worker = find_child(role, "query_worker")
        os.kill(worker, signal.SIGKILL)
        assert role.client.get("/ready").status_code == 200
        assert role.query(tenant, '{a="b"}') == [(now, "x")]
        assert find_child(role, "query_worker") != worker  # the old one is reaped before the next starts
    assert 'child="query-worker-0"} 3' in role.client.get("/metrics").text


def test_a_query_that_its_worker_dies_over_is_asked_again(start_role, tenant, now):
    role = start_role()
    role.push(tenant, {"a": "b"}, [(now, "x")])
    worker = find_child(role, "query_worker")
    os.kill(worker, signal.SIGSTOP)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(role.query(tenant, '{a="b"}')))
    asking.start()
    time.sleep(0.3)
    os.kill(worker, signal.SIGKILL)
    asking.join(timeout=30)
    assert answers == [[(now, "x")]]


def test_a_hung_worker_does_not_hold_a_query_beyond_its_time(start_role, tenant):
    role = start_role(config="auth_enabled: true\nlimits_config: {query_timeout: 1s}\n")
    worker = find_child(role, "query_worker")
    os.kill(worker, signal.SIGSTOP)
    answer = role.get("labels", tenant)
    assert answer.status_code == 504
    assert "query_timeout (1s)" in answer.json()["message"]
    wait_until(lambda: not is_alive(worker))
    wait_until(lambda: role.get("labels", tenant).status_code == 200)


def test_a_killed_compactor_is_replaced(start_role):
    role = start_role()
    compactor = find_child(role, "compactor")
    os.kill(compactor, signal.SIGKILL)
    wait_until(lambda: find_child(role, "compactor") != compactor)


def test_no_child_survives_the_writer(start_role):
    role = start_role()
    children = {find_child(role, "query_worker"), find_child(role, "compactor")}
    os.kill(role.process.pid, signal.SIGKILL)
    role.process.wait()
    wait_until(lambda: not any(map(is_alive, children)))


def test_the_signal_ends_everything_cleanly_and_nothing_acknowledged_is_lost(start_role, tmp_path, tenant, now):
    role = start_role(data=tmp_path)
    children = {find_child(role, "query_worker"), find_child(role, "compactor")}
    load = Load(2, tenant, now)
    load.url = role.url
    try:
        wait_until(lambda: len(load.acknowledged) > 5 * BATCH)
        role.process.terminate()
        assert role.process.wait(timeout=10) == 0
    finally:
        load.finish()
    assert not any(map(is_alive, children))
    assert role.lines()[-1]["message"] == "stopped"
    found = read_lines(start_role(data=tmp_path), tenant, 2, now)
    assert load.acknowledged <= set(found)
    assert len(found) == len(set(found))


def run_role(*options, folder):
    command = [sys.executable, "-m", "opsconductor.cli.main", "run", "logs", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("limits_config:\n  max_line_size: huge\n", 'cannot read limits_config.max_line_size: "huge" is not a size'),
        ("auth_enabled: [\n", "cannot read YAML"),
    ],
)
def test_a_bad_configuration_is_one_line_and_status_2(tmp_path, config, message):
    (tmp_path / "loki.yml").write_text(config)
    done = run_role("--config", "loki.yml", "--data", "data", "--listen", "127.0.0.1:0", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"opsconductor: {message}")
    assert "(loki.yml:" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_an_occupied_port_is_status_2(tmp_path):
    (tmp_path / "loki.yml").write_text("auth_enabled: false\n")
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = run_role("--config", "loki.yml", "--data", "d", "--listen", f"127.0.0.1:{port}", folder=tmp_path)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}: the port is in use" in done.stderr


def test_a_data_folder_that_cannot_be_is_status_2(tmp_path):
    (tmp_path / "loki.yml").write_text("auth_enabled: false\n")
    (tmp_path / "file").write_text("no folder")
    done = run_role("--config", "loki.yml", "--data", "file/data", "--listen", "127.0.0.1:0", folder=tmp_path)
    assert done.returncode == 2
    assert "cannot use the data folder" in done.stderr
    assert "--data DIR" in done.stderr


def test_a_second_role_on_the_same_data_is_refused(start_role, tmp_path):
    role = start_role()
    (tmp_path / "loki.yml").write_text("auth_enabled: false\n")
    done = run_role("--config", "loki.yml", "--data", role.data, "--listen", "127.0.0.1:0", folder=tmp_path)
    assert done.returncode == 1
    assert f"process {role.process.pid} already does" in done.stderr
    assert "Traceback" not in done.stderr


def test_unsupported_keys_are_named_in_the_log(start_role):
    role = start_role(config="auth_enabled: false\nnosuch: {x: 1}\n")
    reasons = [line.get("reason", "") for line in role.lines() if line["level"] == "warning"]
    assert any(reason.startswith("nosuch is not supported and ignored") for reason in reasons)
