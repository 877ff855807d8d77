"""What the service counts beside its requests."""

from opsconductor_telemetry import Counter, Gauge

LOGINS = Counter("auth_logins_total", "Logins by what came of them.", labels=("result",))
for _result in ("succeeded", "refused", "locked", "limited"):
    LOGINS.declare(result=_result)

SESSIONS = Gauge("auth_sessions_active", "Sessions that are open.")
