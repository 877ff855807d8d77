"""config/promtail.yml, read by the collector: what labels and time the lines of every box get."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from opsconductor.collector.config_file import read_config
from opsconductor.collector.stages.entry import Entry

CONFIG = Path(__file__).parents[2] / "config"
READ_NS = 1_700_000_000_000_000_000
TIME = "2026-03-04T05:06:07.891234Z"
TIME_NS = int(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC).timestamp()) * 10**9 + 891_234_000


def process(job: int, line: str, filename: str) -> Entry:
    """One line through the job's pipeline, as the collector does it."""
    target = read_config(CONFIG / "promtail.yml").targets[job]
    entry = Entry(READ_NS, line, {**target.labels, "filename": filename})
    (out,) = target.pipeline.fork().process([entry])
    return out


def read_box(box: str, line: str) -> Entry:
    return process(0, line, f"/var/log/opsconductor/{box}/{box}.log")


def read_container(tag: str | None, line: str) -> Entry:
    document: dict[str, object] = {"log": line + "\n", "stream": "stdout", "time": "2026-01-01T00:00:00.5Z"}
    if tag:
        document["attrs"] = {"tag": tag}
    return process(1, json.dumps(document), "/var/lib/docker/containers/ab/ab-json.log")


def test_nothing_in_the_files_is_ignored() -> None:
    assert read_config(CONFIG / "promtail.yml").warnings == ()


@pytest.mark.parametrize(
    ("box", "cluster"),
    [("auth", "business"), ("nginx", "business"), ("postgres", "business"), ("logs", "observability")],
)
def test_a_service_line_gets_three_labels_and_its_own_time(box: str, cluster: str) -> None:
    line = json.dumps({"time": TIME, "level": "info", "service": box, "message": "request", "trace_id": "ab" * 16})
    entry = read_box(box, line)
    assert entry.labels == {"cluster": cluster, "service": box, "level": "info"}
    assert entry.time_ns == TIME_NS
    assert entry.line == line


PLAIN = [
    ("postgres", "2026-11-23 00:19:27.123 UTC [12] LOG:  database system is ready", "info"),
    ("postgres", "2026-11-23 00:19:27.123 CET [12] ops@auth FATAL:  password authentication failed", "critical"),
    ("postgres", "2026-11-23 00:19:27.123 UTC [12] ERROR:  relation does not exist", "error"),
    ("postgres", "2026-11-23 00:19:27.123 UTC [12] STATEMENT:  select 1", "info"),
    ("postgres", "\tcontinued", "unknown"),
    ("redis", "12:M 23 Nov 2026 00:19:27.123 * Ready to accept connections", "info"),
    ("redis", "12:M 23 Nov 2026 00:19:27.123 # WARNING overcommit_memory", "warn"),
    ("redis", "12:C 03 Nov 2026 00:19:27.123 - DB saved on disk", "debug"),
    ("nginx", "2026/11/23 00:19:27 [error] 12#0: *1 connect() failed", "error"),
    ("nginx", "2026/11/23 00:19:27 [alert] 12#0: worker died", "critical"),
    ("nginx", "nginx: [warn] conflicting server name", "unknown"),
    ("auth", "Traceback (most recent call last):", "unknown"),
    ("auth", '{"level": 30, "message": "a number"}', "unknown"),
    ("auth", '{"level": "madeup", "message": "bounded"}', "unknown"),
    ("auth", '{"level": "warning", "message": "Python\'s name"}', "warn"),
    ("auth", '{"level": "ERROR"}', "error"),
]


@pytest.mark.parametrize(("box", "line", "level"), PLAIN)
def test_every_line_has_a_level_of_a_fixed_set(box: str, line: str, level: str) -> None:
    for entry, cluster in ((read_box(box, line), "business"), (read_container(f"business/{box}", line), "business")):
        assert entry.labels == {"cluster": cluster, "service": box, "level": level}
        assert entry.line.rstrip("\n") == line


@pytest.mark.parametrize(
    ("box", "line", "time_ns"),
    [
        ("postgres", "2026-03-04 05:06:07.891 UTC [12] LOG:  x", TIME_NS // 1_000_000 * 1_000_000),
        ("postgres", "2026-03-04 05:06:07.891 CET [12] LOG:  x", READ_NS),
        ("nginx", "2026/03/04 05:06:07 [error] 12#0: x", TIME_NS // 10**9 * 10**9),
        ("nginx", "nginx: [emerg] no such file", READ_NS),
        ("redis", "1:M 04 Mar 2026 05:06:07.891 * Ready", TIME_NS // 1_000_000 * 1_000_000),
        ("redis", "1:M 04 Mar 2026 05:06 * Ready", READ_NS),
        ("auth", "Traceback (most recent call last):", READ_NS),
        ("auth", '{"time": "yesterday"}', READ_NS),
    ],
)
def test_a_plain_line_has_its_time_where_that_is_certain(box: str, line: str, time_ns: int) -> None:
    assert read_box(box, line).time_ns == time_ns


def test_a_containers_line_is_unwrapped() -> None:
    line = json.dumps({"time": TIME, "level": "error", "message": "x"})
    entry = read_container("business/backend", line)
    assert entry.labels == {"cluster": "business", "service": "backend", "level": "error"}
    assert (entry.line.rstrip("\n"), entry.time_ns) == (line, TIME_NS)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('level=warn ts=2026-03-04T05:06:07Z caller=x msg="slow"', "warn"),
        ("time=2026-03-04T05:06:07.000Z level=INFO source=main.go msg=ready", "info"),
        ('logger=sqlstore t=2026-03-04T05:06:07Z lvl=eror msg="odd level"', "unknown"),
    ],
)
def test_the_originals_lines_have_their_level_and_dockers_time(line: str, level: str) -> None:
    entry = read_container("observability/logs", line)
    assert entry.labels == {"cluster": "observability", "service": "logs", "level": level}
    assert entry.time_ns == int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 10**9 + 500_000_000


def test_a_container_that_is_not_ours_is_told_apart() -> None:
    assert read_container(None, "hello").labels == {"cluster": "unknown", "service": "unknown", "level": "unknown"}
    assert read_container("evil/../tag", "hello").labels["service"] == "unknown"
