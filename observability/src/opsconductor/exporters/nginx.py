"""Nginx, from its JSON access log: requests by status, their durations; up when its port answers.

The build of Nginx that runs here has no stub_status, so nginx_http_requests_total counts access lines since this
process began, and connection gauges do not exist.
"""

import asyncio
import os
from bisect import bisect_left
from pathlib import Path

import orjson

from opsconductor.exporters.family import Family, counter, gauge
from opsconductor.model.address import resolve_address

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BLOCK_BYTES = 1 << 20
TIMEOUT_S = 2.0


class NginxLog:
    """Follows the log file through rotations and counts its access lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._rest = b""
        self._first = True
        self.requests: dict[str, int] = {}
        self._buckets = [0] * (len(BUCKETS_S) + 1)
        self._seconds = 0.0

    def read(self) -> None:
        """Count what was written since the last call; a rotated file is read to its end first."""
        if self._handle is None:
            self._open()
        if self._handle is None:
            return
        self._drain(self._handle)
        if self._is_rotated(self._handle):
            self.close()
            self._open()
            if self._handle is not None:
                self._drain(self._handle)

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle, self._rest = None, b""

    def _open(self) -> None:
        try:
            self._handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        if self._first:  # what was served before this process began is not counted, as after any restart of a counter
            os.lseek(self._handle, 0, os.SEEK_END)
        self._first = False

    def _is_rotated(self, handle: int) -> bool:
        try:
            return self._path.stat().st_ino != os.fstat(handle).st_ino
        except OSError:
            return False

    def _drain(self, handle: int) -> None:
        while block := os.read(handle, BLOCK_BYTES):
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                self._count(line)

    def _count(self, line: bytes) -> None:
        try:
            entry = orjson.loads(line)
            status = str(entry["http.response.status_code"])
            seconds = float(entry["duration_ms"]) / 1000
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return  # error log lines share the file
        self.requests[status] = self.requests.get(status, 0) + 1
        self._buckets[bisect_left(BUCKETS_S, seconds)] += 1
        self._seconds += seconds

    def families(self) -> list[Family]:
        """The counters."""
        by_status = counter("nginx_http_responses_total", "Requests by status, from the access log.")
        for status, count in sorted(self.requests.items()):
            by_status.add(count, status=status)
        durations = Family(
            "nginx_http_request_duration_seconds", "histogram", "Request durations, from the access log."
        )
        total = 0
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), self._buckets, strict=True):
            total += count
            durations.add(total, "_bucket", le=bound)
        durations.add(self._seconds, "_sum").add(total, "_count")
        requests = counter("nginx_http_requests_total", "Total http requests.", sum(self.requests.values()))
        return [requests, by_status, durations]


async def collect_nginx(host: str, port: int, log: NginxLog) -> list[Family]:
    """nginx_up and the log's counters."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(*resolve_address(host, port))
            writer.close()
        up = 1
    except (OSError, TimeoutError):
        up = 0
    await asyncio.to_thread(log.read)
    return [gauge("nginx_up", "Status of the last metric scrape.", up), *log.families()]
