"""What survives a restart: alerts, silences and the notification log, in one SQLite file.

SQLite (journal in WAL mode, synchronous FULL) commits before a write is acknowledged; the whole state is small, and
it is held in memory besides, so that reads never touch the disk.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opsconductor.alerts.alert import Alert, format_time, merge_alerts, parse_time
from opsconductor.alerts.silence import Silence, silence_from_json, silence_to_json
from opsconductor.model.errors import ConfigError, UnavailableError

SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (fingerprint TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS silences (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS notifications (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True)
class Notification:
    """What was last sent for a group to one integration: fingerprints of firing and resolved alerts, and when."""

    firing: frozenset[str]
    resolved: frozenset[str]
    time: datetime


class State:
    """Thread-safe. Raises UnavailableError when the disk refuses a write: the change is then not made."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(folder / "alerts.db", check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"cannot open the alerts' state: {error}; check the folder and its disk", str(folder)
            ) from error
        self.alerts: dict[str, Alert] = {key: _alert(body) for key, body in self._rows("alerts", "fingerprint")}
        self.silences: dict[str, Silence] = {
            key: silence_from_json(json.loads(body)) for key, body in self._rows("silences", "id")
        }
        self.notifications = {key: _notification(body) for key, body in self._rows("notifications", "key")}

    def _rows(self, table: str, key: str) -> list[tuple[str, str]]:
        return list(self._database.execute(f"SELECT {key}, body FROM {table}"))

    def _commit(self, statements: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                self._database.execute(statement, values)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise UnavailableError(f"cannot store alerts: {error}; free disk space, then retry") from error

    def put_alerts(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Merge and store; returns the alerts as they are now. On disk when it returns."""
        with self._lock:
            merged: dict[str, Alert] = {}
            for alert in alerts:
                key = alert.fingerprint
                old = merged.get(key) or self.alerts.get(key)
                merged[key] = merge_alerts(old, alert) if old else alert
            self._commit(
                ("INSERT OR REPLACE INTO alerts VALUES (?, ?)", (key, _alert_json(alert)))
                for key, alert in merged.items()
            )
            self.alerts.update(merged)
            return list(merged.values())

    def forget_alerts(self, fingerprints: Iterable[str]) -> None:
        """Remove ended alerts."""
        with self._lock:
            gone = [key for key in fingerprints if key in self.alerts]
            self._commit(("DELETE FROM alerts WHERE fingerprint = ?", (key,)) for key in gone)
            for key in gone:
                del self.alerts[key]

    def put_silence(self, silence: Silence) -> None:
        """Store a silence. On disk when it returns."""
        with self._lock:
            body = json.dumps(silence_to_json(silence))
            self._commit([("INSERT OR REPLACE INTO silences VALUES (?, ?)", (silence.id, body))])
            self.silences[silence.id] = silence

    def forget_silences(self, ids: Iterable[str]) -> None:
        """Remove silences that ended long ago."""
        with self._lock:
            gone = [key for key in ids if key in self.silences]
            self._commit(("DELETE FROM silences WHERE id = ?", (key,)) for key in gone)
            for key in gone:
                del self.silences[key]

    def put_notification(self, key: str, notification: Notification) -> None:
        """Remember what was sent."""
        body = json.dumps(
            {
                "firing": sorted(notification.firing),
                "resolved": sorted(notification.resolved),
                "time": format_time(notification.time),
            }
        )
        with self._lock:
            self._commit([("INSERT OR REPLACE INTO notifications VALUES (?, ?)", (key, body))])
            self.notifications[key] = notification

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def _alert_json(alert: Alert) -> str:
    return json.dumps(
        {
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "startsAt": format_time(alert.starts_at),
            "endsAt": format_time(alert.ends_at),
            "updatedAt": format_time(alert.updated_at),
            "generatorURL": alert.generator_url,
        }
    )


def _alert(body: str) -> Alert:
    data = json.loads(body)
    starts_at, ends_at, updated_at = (parse_time(data[name]) for name in ("startsAt", "endsAt", "updatedAt"))
    return Alert(data["labels"], data["annotations"], starts_at, ends_at, updated_at, data["generatorURL"])


def _notification(body: str) -> Notification:
    data = json.loads(body)
    return Notification(frozenset(data["firing"]), frozenset(data["resolved"]), parse_time(data["time"]))
