"""The host, from /proc and statvfs, under node_exporter's names."""

import os
import platform
import re
import time
from collections.abc import Iterator
from pathlib import Path

from opsconductor.exporters.family import Family, counter, gauge

SECTOR_BYTES = 512
CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
SKIPPED_FILESYSTEMS = re.compile(
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay"
    r"|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs|tmpfs|ramfs)$"
)
SKIPPED_DEVICES = re.compile(r"^(ram|loop|fd|nvme\d+n\d+p|sr)\d*$")


def collect_host(proc: Path = Path("/proc")) -> list[Family]:
    """Everything at once; a file that this kernel does not have is left out."""
    families: list[Family] = []
    for read in (_read_cpu, _read_memory, _read_load, _read_disks, _read_network, _read_files, _read_filesystems):
        try:
            families += read(proc)
        except (OSError, ValueError, IndexError):
            continue
    uname = platform.uname()
    names = {"sysname": uname.system, "release": uname.release, "machine": uname.machine, "nodename": uname.node}
    families += [
        gauge("node_uname_info", "Labeled system information.", 1, **names),
        gauge("node_time_seconds", "System time in seconds since epoch (1970).", time.time()),
    ]
    return families


def _read_cpu(proc: Path) -> list[Family]:
    seconds = Family("node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.")
    families, ticks = [seconds], os.sysconf("SC_CLK_TCK")
    single = {
        "ctxt": counter("node_context_switches_total", "Total number of context switches."),
        "btime": gauge("node_boot_time_seconds", "Node boot time, in unixtime."),
        "processes": counter("node_forks_total", "Total number of forks."),
        "procs_running": gauge("node_procs_running", "Number of processes in runnable state."),
        "procs_blocked": gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
    }
    for line in (proc / "stat").read_text().splitlines():
        name, *values = line.split()
        if re.fullmatch(r"cpu\d+", name):
            for mode, value in zip(CPU_MODES, values, strict=False):
                seconds.add(int(value) / ticks, cpu=name.removeprefix("cpu"), mode=mode)
        elif name in single:
            families.append(single[name].add(float(values[0])))
    return families


def _read_memory(proc: Path) -> list[Family]:
    families = []
    for line in (proc / "meminfo").read_text().splitlines():
        match = re.match(r"([^:]+):\s+(\d+)( kB)?", line)
        if match:
            name = re.sub(r"\W", "_", match[1]).rstrip("_")
            suffix, scale = ("_bytes", 1024) if match[3] else ("", 1)
            help_text = f"Memory information field {name}{suffix}."
            families.append(gauge(f"node_memory_{name}{suffix}", help_text, int(match[2]) * scale))
    return families


def _read_load(proc: Path) -> list[Family]:
    values = (proc / "loadavg").read_text().split()
    return [
        gauge(f"node_load{minutes}", f"{minutes}m load average.", float(value))
        for minutes, value in zip((1, 5, 15), values, strict=False)
    ]


def _read_disks(proc: Path) -> list[Family]:
    columns = {
        3: ("node_disk_reads_completed_total", "The total number of reads completed successfully.", 1.0),
        5: ("node_disk_read_bytes_total", "The total number of bytes read successfully.", SECTOR_BYTES),
        6: ("node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.", 0.001),
        7: ("node_disk_writes_completed_total", "The total number of writes completed successfully.", 1.0),
        9: ("node_disk_written_bytes_total", "The total number of bytes written successfully.", SECTOR_BYTES),
        10: ("node_disk_write_time_seconds_total", "The total number of seconds spent by all writes.", 0.001),
        12: ("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", 0.001),
    }
    families = {column: counter(name, help_text) for column, (name, help_text, _) in columns.items()}
    for line in (proc / "diskstats").read_text().splitlines():
        fields = line.split()
        if SKIPPED_DEVICES.match(fields[2]):
            continue
        for column, family in families.items():
            family.add(int(fields[column]) * columns[column][2], device=fields[2])
    return list(families.values())


def _read_network(proc: Path) -> list[Family]:
    columns = {
        0: ("receive_bytes", "received bytes"),
        1: ("receive_packets", "received packets"),
        2: ("receive_errs", "receive errors"),
        3: ("receive_drop", "dropped on receive"),
        8: ("transmit_bytes", "transmitted bytes"),
        9: ("transmit_packets", "transmitted packets"),
        10: ("transmit_errs", "transmit errors"),
        11: ("transmit_drop", "dropped on transmit"),
    }
    families = {
        column: counter(f"node_network_{name}_total", f"Network device statistic: {text}.")
        for column, (name, text) in columns.items()
    }
    for line in (proc / "net/dev").read_text().splitlines()[2:]:
        device, _, rest = line.partition(":")
        values = rest.split()
        for column, family in families.items():
            family.add(float(values[column]), device=device.strip())
    return list(families.values())


def _read_files(proc: Path) -> list[Family]:
    allocated, _, maximum = (proc / "sys/fs/file-nr").read_text().split()
    return [
        gauge("node_filefd_allocated", "File descriptor statistics: allocated.", float(allocated)),
        gauge("node_filefd_maximum", "File descriptor statistics: maximum.", float(maximum)),
    ]


def _list_mounts(proc: Path) -> Iterator[tuple[str, str, str]]:
    for line in (proc / "self/mounts").read_text().splitlines():
        device, mountpoint, kind, *_ = line.split()
        if not SKIPPED_FILESYSTEMS.match(kind):
            # The kernel writes a space in a path as \040.
            path = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), mountpoint)
            yield device, path, kind


def _read_filesystems(proc: Path) -> list[Family]:
    families = {
        name: gauge(f"node_filesystem_{name}", text)
        for name, text in (
            ("size_bytes", "Filesystem size in bytes."),
            ("free_bytes", "Filesystem free space in bytes."),
            ("avail_bytes", "Filesystem space available to non-root users in bytes."),
            ("files", "Filesystem total file nodes."),
            ("files_free", "Filesystem total free file nodes."),
        )
    }
    for device, mountpoint, kind in _list_mounts(proc):
        try:
            found = os.statvfs(mountpoint)
        except OSError:
            continue
        values = {
            "size_bytes": found.f_blocks * found.f_frsize,
            "free_bytes": found.f_bfree * found.f_frsize,
            "avail_bytes": found.f_bavail * found.f_frsize,
            "files": found.f_files,
            "files_free": found.f_ffree,
        }
        for name, family in families.items():
            family.add(float(values[name]), device=device, fstype=kind, mountpoint=mountpoint)
    return list(families.values())
