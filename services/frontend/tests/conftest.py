"""A real frontend process between a test and the two APIs, which are the contract's smallest implementation."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

NOW = "2026-03-04T05:06:07.890Z"


class Apis:
    """Auth and backend in one: users, one-use refresh tokens, nouns as dictionaries; a test may break it."""

    def __init__(self) -> None:
        self.reset()
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self.answer, methods=["GET", "POST", "PUT", "DELETE"])

    def reset(self) -> None:
        self.users = [
            {"id": 1, "username": "ada", "password": "right", "role": "administrator"},
            {"id": 2, "username": "vera", "password": "right", "role": "viewer"},
        ]
        self.sessions: dict[str, dict[str, Any]] = {}  # access token → user
        self.refreshes: dict[str, dict[str, Any] | None] = {}  # refresh token → user, None once used
        self.nouns: dict[str, list[dict[str, Any]]] = {name: [] for name in ("targets", "jobs", "runs", "schedules")}
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.broken: dict[str, int] = {}  # beginning of a path → status that it answers
        self.delay_s = 0.0
        self.renewals = 0

    def expire_access(self) -> None:
        self.sessions.clear()

    async def answer(self, request: Request, path: str) -> Response:
        if path == "health":
            return JSONResponse({"status": "ok"})
        raw = await request.body()
        body = json.loads(raw) if raw else None
        self.seen.append((request.method, f"/{path}", dict(request.headers), body))
        if self.delay_s:
            await sleep(self.delay_s)
        for beginning, status in self.broken.items():
            if path.startswith(beginning):
                if status == 200:
                    return Response("nonsense")
                return refuse(status, f"cannot serve {path}: the test wants it so")
        if path.startswith("api/auth/"):
            return self.answer_auth(request, path.removeprefix("api/auth/"), body)
        if self.find_user(request) is None:
            return refuse(401, "cannot accept request: the session has ended; log in again")
        return self.answer_backend(request, path.removeprefix("api/").split("/"), body)

    def find_user(self, request: Request) -> dict[str, Any] | None:
        return self.sessions.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    def answer_auth(self, request: Request, path: str, body: Any) -> Response:
        if path == "login":
            for user in self.users:
                if (user["username"], user["password"]) == (body["username"], body["password"]):
                    return self.make_pair(user)
            if body["username"] == "locked":
                return refuse(423, "cannot log in: the account is locked", {"Retry-After": "840"})
            return refuse(401, "cannot log in: wrong user name or password")
        if path == "refresh":
            self.renewals += 1
            owner = self.refreshes.get(body["refresh_token"])
            if owner is None:
                return refuse(401, "cannot refresh: the token is not valid")
            self.refreshes[body["refresh_token"]] = None
            return self.make_pair(owner)
        caller = self.find_user(request)
        if caller is None:
            return refuse(401, "cannot accept request: no session")
        if path == "session":
            return JSONResponse({"session_id": "s", "expires_at": NOW, "user": show(caller)})
        if path == "logout":
            self.sessions.clear()
            return Response(status_code=204)
        if path == "password":
            if body["current"] != caller["password"]:
                return refuse(401 if body["current"] == "401" else 403, "cannot change password: wrong password")
            caller["password"] = body["new"]
            return Response(status_code=204)
        return self.answer_noun(request.method, self.users, path.split("/")[1:], body, "user")

    def answer_backend(self, request: Request, parts: list[str], body: Any) -> Response:
        if len(parts) == 3 and parts[2] == "runs":
            job = next(job for job in self.nouns["jobs"] if str(job["id"]) == parts[1])
            run = self.add_run(job, request.headers.get("traceparent", "-" * 36).split("-")[1])
            return JSONResponse(run, status_code=202)
        return self.answer_noun(request.method, self.nouns[parts[0]], parts[1:], body, parts[0].rstrip("s"))

    def answer_noun(
        self, method: str, rows: list[dict[str, Any]], parts: list[str], body: Any, noun: str
    ) -> Response:
        found = [row for row in rows if parts and str(row["id"]) == parts[0]]
        if parts and not found:
            return refuse(404, f"cannot find {noun} {parts[0]}: there is none with this id")
        if method == "DELETE":
            rows.remove(found[0])
            return Response(status_code=204)
        if method == "POST":
            if any("name" in row and row["name"] == body.get("name") for row in rows):
                return refuse(409, f"cannot create {noun}: its name is taken")
            rows.append({"id": len(rows) + 1, "created_at": NOW, "next_run_at": NOW, "last_run_at": None, **body})
            return JSONResponse(rows[-1], status_code=201)
        if parts:
            return JSONResponse(found[0])
        return JSONResponse({"items": rows[:50], "total": len(rows)})

    def add_run(self, job: dict[str, Any], trace_id: str, **values: Any) -> dict[str, Any]:
        number = len(self.nouns["runs"]) + 1
        run = {
            "id": number,
            "job_id": job["id"],
            "job_name": job["name"],
            "number": number,
            "status": "queued",
            "trigger": "manual",
            "created_at": NOW,
            "started_at": None,
            "finished_at": None,
            "trace_id": trace_id,
            "results": [],
        }
        self.nouns["runs"].append({**run, **values})
        return self.nouns["runs"][-1]

    def make_pair(self, user: dict[str, Any]) -> JSONResponse:
        access, refresh = secrets.token_urlsafe(), secrets.token_urlsafe()
        self.sessions[access], self.refreshes[refresh] = user, user
        pair = {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": 900}
        return JSONResponse({**pair, "user": show(user)})


async def sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


def show(user: dict[str, Any]) -> dict[str, Any]:
    return {name: user[name] for name in ("id", "username", "role")}


def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status, headers=headers)


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def shared_apis() -> Iterator[tuple[Apis, int]]:
    apis = Apis()
    port = find_port()
    server = uvicorn.Server(uvicorn.Config(apis.app, port=port, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield apis, port
    server.should_exit = True
    thread.join(timeout=10)


class Frontend:
    """A frontend process; `lines()` are what it logged."""

    def __init__(self, folder: Path, addresses: dict[str, str], **environment: str) -> None:
        self.port = find_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = folder / f"stdout-{self.port}"
        names = {"OPSCONDUCTOR_ADDRESSES": json.dumps(addresses), "LISTEN": f"127.0.0.1:{self.port}"}
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "frontend_service"], stdout=out, env={**os.environ, **names, **environment}
            )
        deadline = time.monotonic() + 30
        while not self.is_up():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, "the frontend does not answer"
            time.sleep(0.05)

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=10)


@pytest.fixture(scope="session")
def shared_frontend(shared_apis: tuple[Apis, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontend]:
    address = f"127.0.0.1:{shared_apis[1]}"
    frontend = Frontend(
        tmp_path_factory.mktemp("frontend"), {"auth:8001": address, "backend:8000": address}, PAGE_TIMEOUT_S="1.5"
    )
    yield frontend
    frontend.stop()


@pytest.fixture
def apis(shared_apis: tuple[Apis, int]) -> Apis:
    shared_apis[0].reset()
    return shared_apis[0]


@pytest.fixture
def frontend(shared_frontend: Frontend, apis: Apis) -> Frontend:
    return shared_frontend


class Browser(httpx.Client):
    """A client with a cookie jar that sends forms as a browser does."""

    def submit(self, path: str, **fields: Any) -> httpx.Response:
        origin = str(self.base_url).rstrip("/")
        return self.post(path, data=fields, headers={"Origin": origin}, follow_redirects=True)

    def log_in(self, username: str = "ada", password: str = "right", **fields: str) -> httpx.Response:
        return self.submit("/login", username=username, password=password, **fields)


@pytest.fixture
def browser(frontend: Frontend) -> Iterator[Browser]:
    with Browser(base_url=frontend.url, timeout=20) as client:
        yield client


@pytest.fixture
def ada(browser: Browser) -> Browser:
    browser.log_in()
    return browser


def read_alert(response: httpx.Response) -> str:
    """The text of the page's error message, "" where there is none."""
    found = re.search(r'role="alert">(.*?)</p>', response.text, re.DOTALL)
    return found[1] if found else ""


@pytest.fixture
def alert() -> Any:
    return read_alert


@pytest.fixture(scope="session")
def frontend_class() -> type[Frontend]:
    return Frontend


@pytest.fixture(scope="session")
def browser_class() -> type[Browser]:
    return Browser
