"""A database, a queue and processes of the backend for one test."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx
from psycopg import sql
from sqlalchemy import select
from support.platform import wait_until
from support.servers import PostgresServer, RedisServer, find_free_port

from backend_service.database import migrate, open_engine
from backend_service.dispatch import create_run, enqueue_run
from backend_service.models import Job, JobTarget, Result, Run, Target, Trigger
from backend_service.resources import Resources, open_resources
from backend_service.settings import Settings, load_settings
from opsconductor_telemetry import extract

NAMES = count(1)
FINAL = {"succeeded", "failed", "cancelled"}


@dataclass
class Process:
    """A service as a subprocess; its lines go to a file."""

    popen: subprocess.Popen[bytes]
    url: str
    log: Path

    def lines(self, message: str | None = None) -> list[dict[str, Any]]:
        complete = self.log.read_text().rpartition("\n")[0]
        found = [json.loads(line) for line in complete.splitlines() if line.startswith("{")]
        return [line for line in found if message is None or line["message"] == message]

    def wait_line(self, message: str, **fields: object) -> dict[str, Any]:
        """The first line with the message and fields; lines are written a moment after the fact."""
        return wait_until(
            lambda: next((line for line in self.lines(message) if fields.items() <= line.items()), None),
            15,
            f'the line "{message}"',
        )

    def wait_ready(self) -> "Process":
        wait_until(lambda: ask(f"{self.url}/ready") == 200, 30, f"ready: {self.log.read_text()[-2000:]}")
        return self

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(10)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.popen.terminate()
        return self.popen.wait(20)


def ask(url: str) -> int | None:
    try:
        return httpx.get(url, timeout=10).status_code
    except httpx.TransportError:
        return None


def start_process(module: str, environment: dict[str, str], folder: Path, port: int = 0) -> Process:
    port = port or find_free_port()
    log = folder / f"{module}-{port}.log"
    with open(log, "wb") as output:
        popen = subprocess.Popen(
            [sys.executable, "-m", module],
            env={"PATH": os.environ["PATH"], **environment, "LISTEN": f"127.0.0.1:{port}"},
            stdout=output,
            stderr=output,
        )
    return Process(popen, f"http://127.0.0.1:{port}", log)


def make_template(postgres: PostgresServer) -> str:
    """A migrated database to copy from, without the self-check's rows."""
    environment = {"DATABASE_URL": postgres.create_database("template_backend")}
    environment["DATABASE_PASSWORD_FILE"] = str(postgres.password_file)
    engine = open_engine(load_settings(environment, "127.0.0.1:0"))
    migrate(engine)
    engine.dispose()
    with postgres.connect("template_backend") as connection:
        connection.execute("TRUNCATE targets, jobs, job_targets, schedules, runs, results")
    return "template_backend"


@dataclass
class World:
    """`template` None leaves the database empty, for the API process to migrate; `redis_number` is flushed first."""

    postgres: PostgresServer
    redis: RedisServer
    name: str
    template: str | None
    folder: Path
    redis_number: int
    processes: list[Process] = field(default_factory=list)

    def __enter__(self) -> Self:
        number = self.redis_number
        self.redis.connect(number).flushdb()
        source = sql.SQL("TEMPLATE {}").format(sql.Identifier(self.template)) if self.template else sql.SQL("")
        with self.postgres.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} ").format(sql.Identifier(self.name)) + source)
        self.environment = {
            "DATABASE_URL": self.postgres.database_url(self.name),
            "DATABASE_PASSWORD_FILE": str(self.postgres.password_file),
            "REDIS_URL": self.redis.database_url(number),
            "REDIS_PASSWORD_FILE": str(self.redis.password_file),
            "RUN_LEASE_S": "1",
            "REQUEUE_AFTER_S": "0.5",
        }
        self.raw_redis = self.redis.connect(number)
        self.resources: Resources = open_resources(self.settings())
        self.resources.queue.ensure_group()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
        self.resources.close()
        self.raw_redis.close()
        with self.postgres.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))

    def settings(self, **changes: str) -> Settings:
        return load_settings({**self.environment, **changes}, "127.0.0.1:0")

    def start(self, module: str, **changes: str) -> Process:
        process = start_process(module, {**self.environment, **changes}, self.folder)
        self.processes.append(process)
        return process

    def start_worker(self, **changes: str) -> Process:
        return self.start("backend_service.worker", **changes).wait_ready()

    def add_job(self, *actions: dict[str, Any], targets: int = 1, name: str = "") -> int:
        """A job of the actions on targets of kind host; its id."""
        with self.resources.sessions.begin() as session:
            job = Job(name=name or f"job {next(NAMES)}", actions=list(actions), last_run_number=0, description="")
            for position in range(targets):
                target = Target(name=f"target {next(NAMES)}", address=f"host-{position}", kind="host")
                job.members.append(JobTarget(position=position, target=target))
            session.add(job)
            session.flush()
            return job.id

    def add_run(self, job_id: int, *, enqueue: bool = True) -> int:
        """A queued run, as the API makes it; its id."""
        with extract({}):
            with self.resources.sessions.begin() as session:
                run = create_run(session, session.get_one(Job, job_id), Trigger.MANUAL, 1000)
            if enqueue:
                enqueue_run(self.resources.sessions, self.resources.queue, run)
        return run.id

    def read_run(self, run_id: int) -> Run:
        with self.resources.sessions() as session:
            return session.get_one(Run, run_id)

    def read_runs(self) -> list[Run]:
        with self.resources.sessions() as session:
            return list(session.scalars(select(Run).order_by(Run.id)))

    def read_results(self, run_id: int) -> list[Result]:
        with self.resources.sessions() as session:
            rows = select(Result).where(Result.run_id == run_id).order_by(Result.target_id, Result.action_index)
            return list(session.scalars(rows))

    def wait_final(self, run_id: int, timeout_s: float = 20) -> Run:
        wait_until(lambda: self.read_run(run_id).status in FINAL, timeout_s, f"end of run {run_id}")
        return self.read_run(run_id)


@dataclass
class Api:
    """The API process, and a client of it for each role."""

    world: World
    process: Process
    auth: Process
    clients: dict[str, httpx.Client]

    @property
    def administrator(self) -> httpx.Client:
        return self.clients["administrator"]

    @property
    def operator(self) -> httpx.Client:
        return self.clients["operator"]

    @property
    def viewer(self) -> httpx.Client:
        return self.clients["viewer"]

    def add_target(self, **changes: Any) -> int:
        body = {"name": f"api target {next(NAMES)}", "address": "localhost", "kind": "host", **changes}
        return created(self.operator.post("/api/targets", json=body))

    def add_job(self, **changes: Any) -> int:
        body = {
            "name": f"api job {next(NAMES)}",
            "target_ids": [self.add_target()],
            "actions": [{"kind": "command", "argv": ["true"]}],
            **changes,
        }
        return created(self.operator.post("/api/jobs", json=body))


def created(answer: httpx.Response) -> int:
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


@contextmanager
def start_api(world: World) -> Iterator[Api]:
    """The real auth service with a user of each role, and the API process before an empty database."""
    with ExitStack() as stack:
        password_file = world.folder / "administrator-password"
        auth_environment = {
            **world.environment,
            "DATABASE_URL": world.postgres.create_database(f"{world.name}_auth"),
            "ADMINISTRATOR_PASSWORD_FILE": str(password_file),
        }
        auth = start_process("auth_service", auth_environment, world.folder)
        world.processes.append(auth)
        process = world.start("backend_service", AUTH_URL=auth.url)
        auth.wait_ready()
        process.wait_ready()
        administrator = log_in(auth.url, process.url, "admin", password_file.read_text().strip())
        clients = {"administrator": stack.enter_context(administrator)}
        for role in ("operator", "viewer"):
            answer = httpx.post(
                f"{auth.url}/api/auth/users",
                json={"username": role, "password": "a long passphrase 1", "role": role},
                headers={"Authorization": administrator.headers["Authorization"]},
            )
            assert answer.status_code == 201, answer.text
            clients[role] = stack.enter_context(log_in(auth.url, process.url, role, "a long passphrase 1"))
        yield Api(world, process, auth, clients)


def log_in(auth_url: str, api_url: str, user: str, password: str) -> httpx.Client:
    answer = httpx.post(f"{auth_url}/api/auth/login", json={"username": user, "password": password})
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    return httpx.Client(base_url=api_url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
