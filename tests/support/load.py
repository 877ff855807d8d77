"""A bounded load of business requests through Nginx, each with a trace id of its own."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from support.platform import Platform


@dataclass
class Load:
    """What was sent: trace ids that were answered 200, and everything else."""

    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, trace_id: str, failure: str | None, took_s: float) -> None:
        with self.lock:
            self.slowest_s = max(self.slowest_s, took_s)
            if failure is None:
                self.answered.append(trace_id)
            else:
                self.failed.append(f"{trace_id}: {failure}")


@contextmanager
def run_load(platform: Platform, threads: int = 2, pause_s: float = 0.02, most: int = 1500) -> Iterator[Load]:
    """Requests by `threads` clients until the block ends, at most `most` each."""
    load, stop = Load(), threading.Event()

    def send() -> None:
        with platform.log_in() as client:
            for _ in range(most):
                if stop.wait(pause_s):
                    return
                ask(client)

    def ask(client: httpx.Client) -> None:
        trace_id = secrets.token_hex(16)
        try:
            answer = client.get("/api/targets", headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"})
        except httpx.HTTPError as error:
            load.note(trace_id, repr(error), 20.0)
            return
        failure = None if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
        load.note(trace_id, failure, answer.elapsed.total_seconds())

    workers = [threading.Thread(target=send) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield load
    finally:
        stop.set()
        for worker in workers:
            worker.join()
