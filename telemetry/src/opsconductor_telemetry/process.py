"""What the process itself uses, from Linux's /proc; nothing where there is none.

Every function gives the (label values, value) pairs of one of the process_* metrics that all client libraries have.
"""

import os
import resource
from collections.abc import Iterable
from pathlib import Path

from opsconductor_telemetry.metrics import Values

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STAT = Path("/proc/self/stat")

_START_FIELD, _VIRTUAL_FIELD, _RESIDENT_FIELD = 19, 20, 21  # after the command's name, see proc(5)


def measure_cpu() -> Iterable[tuple[Values, float]]:
    """User and system time of all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield (), usage.ru_utime + usage.ru_stime


def measure_resident() -> Iterable[tuple[Values, float]]:
    """Memory that is in RAM."""
    for fields in _read_stat():
        yield (), int(fields[_RESIDENT_FIELD]) * PAGE_BYTES


def measure_virtual() -> Iterable[tuple[Values, float]]:
    """Address space."""
    for fields in _read_stat():
        yield (), int(fields[_VIRTUAL_FIELD])


def measure_start() -> Iterable[tuple[Values, float]]:
    """Unix time of the start, from the boot's."""
    for fields in _read_stat():
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        yield (), int(boot.split()[1]) + int(fields[_START_FIELD]) / TICKS_PER_S


def count_open() -> Iterable[tuple[Values, float]]:
    """File descriptors in use; looking takes one itself."""
    try:
        yield (), sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1
    except OSError:
        return


def limit_open() -> Iterable[tuple[Values, float]]:
    """File descriptors that may be used."""
    yield (), resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _read_stat() -> Iterable[list[str]]:
    try:
        yield STAT.read_text().rpartition(") ")[2].split()
    except OSError:
        return
