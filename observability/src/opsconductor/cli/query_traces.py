"""`opsconductor query traces [ID]`: the newest traces that match, or one trace as a tree."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from opsconductor.cli.logview import escape_control
from opsconductor.cli.store import StoreError, find_url
from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError

BOX, CONTAINER = "traces", "jaeger"
TIMEOUT_S: Final = 70.0
"""A little more than the store's own time for a query."""

NAME_WIDTH: Final = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to search for, or the id of a trace."""
    parser.add_argument("trace_id", nargs="?", metavar="ID", help="show this trace as a tree")
    parser.add_argument("--service", default="", help="traces with a span of this service")
    parser.add_argument("--operation", default="", help="… and this name")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="KEY=VALUE", help="… and this attribute; repeatable"
    )
    parser.add_argument("--min-duration", default="", metavar="DURATION", help="… that took at least so long")
    parser.add_argument("--max-duration", default="", metavar="DURATION", help="… that took at most so long")
    parser.add_argument("--since", default="1h", metavar="DURATION", help="how far back (default: 1h)")
    parser.add_argument("--limit", type=int, default=20, help="at most so many traces (default: 20)")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument("--addr", metavar="URL", help="the trace store (default: the running one of the home folder)")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the home folder (default: .opsconductor)")


def run(arguments: argparse.Namespace) -> int:
    """Ask and print; 0 also where nothing was found."""
    url = find_url(arguments, BOX, CONTAINER)
    if arguments.trace_id:
        answer = _get(url, f"/api/traces/{quote(arguments.trace_id, safe='')}", {})["data"]
        lines = (line for trace in answer for line in draw_tree(trace))
    else:
        answer = _get(url, "/api/v3/trace-summaries", _make_parameters(arguments)).get("summaries", [])
        lines = (format_summary(summary) for summary in answer)
    try:
        if arguments.output == "json":
            print(json.dumps(answer, ensure_ascii=False, indent=2))
        else:
            for line in lines:
                print(line)
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) has enough; nothing is left to say
    return 0


def _make_parameters(arguments: argparse.Namespace) -> dict[str, str]:
    now = time.time_ns()
    tags = {}
    for tag in arguments.tag:
        key, equals, value = tag.partition("=")
        if not key or not equals:
            raise InputError(f'cannot read --tag "{tag}": write KEY=VALUE, such as http.response.status_code=500')
        tags[key] = value
    start = now - parse_duration(arguments.since)
    return {
        "query.startTimeMin": _format_rfc3339(max(0, start)),
        "query.startTimeMax": _format_rfc3339(now),
        "query.serviceName": arguments.service,
        "query.operationName": arguments.operation,
        "query.attributes": json.dumps(tags) if tags else "",
        "query.durationMin": arguments.min_duration,
        "query.durationMax": arguments.max_duration,
        "query.searchDepth": str(arguments.limit),
    }


def _get(url: str, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{url}{path}", params=dict(parameters), timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise StoreError(
            f"cannot reach the trace store at {url}: {reason}; start it with `opsconductor up`, or name it with"
            " --addr URL"
        ) from error
    try:
        found = answer.json()
    except ValueError:
        found = {}
    if answer.status_code != 200 or not isinstance(found, dict):
        raise StoreError(
            f"cannot query: {_read_message(found) or answer.text.strip()} (status {answer.status_code}, {url})"
        )
    return found


def _read_message(body: Any) -> str:
    match body:
        case {"errors": [{"msg": str(message)}, *_]} | {"error": {"message": str(message)}}:
            return message
    return ""


def format_summary(summary: Mapping[str, Any]) -> str:
    """One line: time, id, who began it, how long it took, how large it is."""
    start, end = (int(summary[name]) for name in ("minStartTimeUnixNano", "maxEndTimeUnixNano"))
    root = f"{summary.get('rootServiceName') or '?'}: {summary.get('rootOperationName') or '?'}"
    errors = summary.get("errorSpanCount", 0)
    failed = f"  {_count(errors, 'error')}" if errors else ""
    return (
        f"{_format_time(start)}  {summary['traceId']}  {escape_control(root)}"
        f"  {format_duration_us((end - start) // 1000)}  {_count(summary['spanCount'], 'span')}{failed}"
    )


def draw_tree(trace: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a trace in the form of the v1 API: each span below its parent, by start."""
    spans = sorted(trace["spans"], key=lambda span: span["startTime"])
    ids = {span["spanID"] for span in spans}
    children: dict[str, list[Mapping[str, Any]]] = {}
    for span in spans:
        children.setdefault(_find_parent(span, ids), []).append(span)
    start = spans[0]["startTime"]
    yield f"trace {trace['traceID']}  {_format_time(start * 1000)}  {_count(len(spans), 'span')}"
    # A stack rather than recursion: a trace may be deeper than the interpreter's.
    waiting = [(span, 0) for span in reversed(children.pop("", []))]
    while waiting:
        span, depth = waiting.pop()
        yield _format_span(span, trace["processes"], depth, start)
        waiting += [(child, depth + 1) for child in reversed(children.pop(span["spanID"], []))]


def _find_parent(span: Mapping[str, Any], ids: set[str]) -> str:
    parents = (one["spanID"] for one in span["references"] if one["refType"] == "CHILD_OF")
    return next((parent for parent in parents if parent in ids and parent != span["spanID"]), "")


def _format_span(span: Mapping[str, Any], processes: Mapping[str, Any], depth: int, start: int) -> str:
    service = processes[span["processID"]]["serviceName"]
    failed = any(tag["key"] == "error" and tag["value"] is True for tag in span["tags"])
    name = escape_control(f"{'  ' * min(depth, 20)}{service}: {span['operationName']}")
    offset, duration = format_duration_us(span["startTime"] - start), format_duration_us(span["duration"])
    return f"{name:<{NAME_WIDTH}} {'+' + offset:>10} {duration:>10}{'  error' if failed else ''}"


def format_duration_us(microseconds: int) -> str:
    """Such as 250µs, 12.3ms, 1.2s."""
    if microseconds < 1000:
        return f"{microseconds}µs"
    return f"{microseconds / 1000:.1f}ms" if microseconds < 1_000_000 else f"{microseconds / 1_000_000:.1f}s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _format_time(ns: int) -> str:
    found = datetime.fromtimestamp(ns // 10**9, UTC).astimezone()
    return f"{found:%Y-%m-%d %H:%M:%S}.{ns // 10**6 % 1000:03}"


def _format_rfc3339(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09}Z"
