"""A call of a database: a client span where it is part of a trace, and its time as a metric.

Outside of a trace there is no span, so that a loop that polls makes no traces. Spec: OpenTelemetry's database spans.
"""

import time
from collections.abc import Mapping

from opsconductor_telemetry.context import CURRENT, make_child
from opsconductor_telemetry.instruments import QUERIED
from opsconductor_telemetry.lines import name_exception
from opsconductor_telemetry.spans import Span


class Operation:
    """It begins with its making and ends once, with finish().

    system: db.system.name; operation: db.operation.name, one of few; name: the span's.
    """

    __slots__ = ("_operation", "_span", "_started", "_system")

    def __init__(self, system: str, operation: str, name: str, attributes: Mapping[str, object]) -> None:
        self._system = system
        self._operation = operation
        context = CURRENT.get()
        described = {"db.system.name": system, "db.operation.name": operation, **attributes}
        self._span = None if context is None else Span(make_child(context), name, "client", described)
        self._started = time.perf_counter()

    def finish(self, error: BaseException | None = None) -> None:
        """Count it, and end its span; by an error where there was one. Values are no part of either."""
        failure = "" if error is None else name_exception(error)
        QUERIED.observe(
            time.perf_counter() - self._started,
            db_system_name=self._system,
            db_operation_name=self._operation,
            error_type=failure,
        )
        if self._span is not None:
            if failure:
                self._span.fail(failure)
            self._span.end()
