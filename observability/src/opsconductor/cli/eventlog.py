"""What a supervisor itself has to say: the same JSON lines as every service, in a file of its own."""

import json
from datetime import UTC, datetime

from opsconductor.cli.logfile import BoxLog


class EventLog:
    """Writes one JSON object a line; never waits and never raises."""

    def __init__(self, service: str, sink: BoxLog) -> None:
        self._service = service
        self._sink = sink

    def info(self, message: str, **fields: object) -> None:
        """Something happened as it should."""
        self._write("info", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something happened that somebody may want to look at."""
        self._write("warning", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """A box does not work."""
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, object]) -> None:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": level,
            "service": self._service,
            "logger": "opsconductor.cli.supervisor",
            "message": message,
            **fields,
        }
        self._sink.submit(json.dumps(line, default=str, ensure_ascii=False).encode() + b"\n")
