"""An exporter in this process and the collector that it sends to."""

from collections.abc import Callable, Iterator

import pytest
from support.spans import ReceivedSpan, SpanReceiver

from opsconductor_telemetry import export
from opsconductor_telemetry.delivery import read_collector
from opsconductor_telemetry.otlp import encode_resource

Exported = Callable[[], list[ReceivedSpan]]


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exported]:
    """Ends the export and gives every span, in the order of their ends."""
    with SpanReceiver() as receiver:
        exporter = export.SpanExporter(read_collector(receiver.endpoint), encode_resource({"service.name": "test"}))
        monkeypatch.setattr(export, "active", exporter)

        def end() -> list[ReceivedSpan]:
            exporter.stop(10)
            return receiver.spans

        yield end
        exporter.stop(0)
