import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from opsconductor_telemetry import extract, inject, start_span
from opsconductor_telemetry.context import CURRENT

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_span_is_exported_with_its_place_time_and_attributes(exported) -> None:
    before = time.time_ns()
    with start_span("outer", color="red") as outer, start_span("send it", "producer", **{"a.b": 1}) as inner:
        inner.set(size=7, missing=None)
    after = time.time_ns()
    sent, whole = exported()
    assert (whole.name, whole.kind, whole.parent_id, whole.attributes) == ("outer", "internal", "", {"color": "red"})
    assert (sent.name, sent.kind, sent.attributes) == ("send it", "producer", {"a.b": 1, "size": 7})
    assert (sent.trace_id, sent.parent_id) == (whole.trace_id, whole.span_id) == (outer.trace_id, outer.span_id)
    assert before <= whole.start_ns <= sent.start_ns <= sent.end_ns <= whole.end_ns <= after + 1_000_000
    assert not whole.failed
    assert whole.flags == 1


def test_an_exception_fails_the_span_and_is_its_event_without_secrets(exported) -> None:
    with pytest.raises(ValueError, match="password"), start_span("fails"):
        raise ValueError("password=hunter2")
    (span,) = exported()
    assert span.failed
    assert span.attributes == {"error.type": "ValueError"}
    ((name, event),) = span.events
    assert (name, event["exception.type"]) == ("exception", "ValueError")
    assert "test_spans.py" in event["exception.stacktrace"]
    assert "hunter2" not in str(span)


async def test_work_that_is_called_off_has_not_failed(exported) -> None:
    async def wait() -> None:
        with start_span("waits"):
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (span,) = exported()
    assert (span.name, span.failed) == ("waits", False)


@pytest.mark.parametrize(("flags", "count"), [("00", 0), ("01", 2), ("02", 0), ("03", 2)])
def test_the_callers_choice_of_sampling_holds(exported, flags, count) -> None:
    carrier: dict[str, str] = {}
    with extract({"traceparent": f"00-{TRACE}-{SPAN}-{flags}"}, "process x"), start_span("inner"):
        inject(carrier)
    assert carrier["traceparent"].endswith(f"-{flags}")
    spans = exported()
    assert len(spans) == count
    assert {span.trace_id for span in spans} <= {TRACE}


def test_what_is_extracted_is_a_consumer_under_the_sender(exported) -> None:
    with extract({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"}, "process x", "consumer", size=1):
        pass
    (span,) = exported()
    assert (span.name, span.kind, span.parent_id, span.state) == ("process x", "consumer", SPAN, "a=1")
    assert span.attributes == {"size": 1}


def test_an_attribute_that_cannot_be_written_costs_its_span_only(exported) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    with start_span("broken", value=Broken()):
        pass
    with start_span("whole"):
        pass
    assert [span.name for span in exported()] == ["whole"]


async def test_a_generator_closed_from_another_context_ends_its_span_quietly(exported) -> None:
    async def generate() -> AsyncIterator[int]:
        with start_span("generates"):
            yield 1
            yield 2

    generator = generate()
    await asyncio.create_task(anext(generator))
    await asyncio.create_task(generator.aclose())
    assert CURRENT.get() is None
    assert [(span.name, span.failed) for span in exported()] == [("generates", False)]


def test_without_an_exporter_nothing_is_recorded() -> None:
    with start_span("unseen") as span:
        assert not span.recorded
