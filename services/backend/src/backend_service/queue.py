"""The run queue: a Redis stream with one consumer group.

Entries are `{run_id, traceparent}` and only ring the bell: the run's row is the truth. An entry stays pending until
its run has finished, then it is deleted, so the stream's length is the backlog.
"""

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend_service.settings import Settings
from opsconductor_telemetry import instrument_redis, resolve_url

STREAM = "opsconductor:runs"
GROUP = "workers"
CONNECT_TIMEOUT_S = 2
REPLY_TIMEOUT_S = 5


@dataclass(frozen=True)
class Entry:
    """One entry of the stream; `run_id` is None where a foreign hand wrote something else."""

    id: str
    run_id: int | None
    carrier: dict[str, str]


class RunQueue:
    """Every method is one round trip and raises redis.RedisError when Redis cannot be reached."""

    def __init__(self, settings: Settings) -> None:
        # One try on a fresh connection, for the one that a restart of Redis has left dead in the pool.
        self._redis: Any = redis.Redis.from_url(
            resolve_url(settings.redis_url),
            decode_responses=True,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),
            **({"password": settings.redis_password} if settings.redis_password is not None else {}),
        )
        instrument_redis(self._redis)
        # Workers of one machine share a name: whose a run is stands in its row, and no name is left behind.
        self._consumer = socket.gethostname()

    def close(self) -> None:
        """Close the pool."""
        self._redis.close()

    def ping(self) -> None:
        """One round trip."""
        self._redis.ping()

    def enqueue(self, run_id: int, carrier: Mapping[str, str]) -> str:
        """Append an entry; returns its id."""
        return str(self._redis.xadd(STREAM, {"run_id": str(run_id), **carrier}))

    def find_held(self, entries: Iterable[tuple[str, int]]) -> set[int]:
        """Of (entry id, run id) pairs, the run ids whose entry the stream still has."""
        wanted = list(entries)
        pipeline = self._redis.pipeline(transaction=False)
        for entry_id, _ in wanted:
            pipeline.xrange(STREAM, min=entry_id, max=entry_id)
        answers = pipeline.execute()
        return {
            run_id
            for (_, run_id), found in zip(wanted, answers, strict=True)
            if found and parse_entry(found[0]).run_id == run_id
        }

    def ensure_group(self) -> None:
        """Create stream and group where they are missing; from the beginning, so that no entry is passed over."""
        try:
            self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, count: int, block_ms: int) -> list[Entry]:
        """New entries, at most `count`; waits `block_ms` for the first. Restores a group that a flush has removed."""
        try:
            answer = self._redis.xreadgroup(GROUP, self._consumer, {STREAM: ">"}, count=count, block=block_ms)
        except redis.ResponseError as error:
            if not is_group_lost(error):
                raise
            self.ensure_group()
            return []
        streams = list(answer.values()) if isinstance(answer, dict) else [entries for _, entries in answer or []]
        return [parse_entry(entry) for entries in streams for entry in flatten(entries)]

    def take_over(self, idle_ms: int, count: int) -> list[Entry]:
        """Entries that nobody has renewed for `idle_ms`; they are ours now."""
        try:
            answer = self._redis.xautoclaim(STREAM, GROUP, self._consumer, idle_ms, count=count)
        except redis.ResponseError as error:
            if not is_group_lost(error):
                raise
            self.ensure_group()
            return []
        return [parse_entry(entry) for entry in answer[1] if entry and entry[1] is not None]

    def renew(self, entry_id: str) -> None:
        """Reset the entry's idle time without counting a delivery."""
        self._redis.xclaim(STREAM, GROUP, self._consumer, 0, [entry_id], justid=True)

    def remove(self, entry_id: str) -> None:
        """Acknowledge and delete an entry whose run has finished."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.xack(STREAM, GROUP, entry_id)
        pipeline.xdel(STREAM, entry_id)
        pipeline.execute()


def describe_message(run_id: int | None, operation: str) -> dict[str, object]:
    """OpenTelemetry's attributes of a span that sends or processes an entry."""
    return {
        "messaging.system": "redis",
        "messaging.destination.name": STREAM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "run_id": run_id,
    }


def is_group_lost(error: redis.ResponseError) -> bool:
    """Whether Redis says that stream or group have gone."""
    return "NOGROUP" in str(error) or "UNBLOCKED" in str(error)


def flatten(entries: Any) -> Any:
    """RESP3 answers wrap a stream's entries in one more list."""
    return entries[0] if entries and isinstance(entries[0], list) else entries


def parse_entry(entry: Any) -> Entry:
    """(id, fields) as redis-py gives them."""
    entry_id, fields = entry
    carrier = {name: value for name, value in fields.items() if name != "run_id"}
    run_id = fields.get("run_id", "")
    return Entry(entry_id, int(run_id) if run_id.isascii() and run_id.isdigit() else None, carrier)
