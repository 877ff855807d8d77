import asyncio
import re

import pytest

from opsconductor_telemetry import current_trace_id, extract, inject, start_span
from opsconductor_telemetry.context import CURRENT

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_outside_there_is_no_trace() -> None:
    carrier: dict[str, str] = {}
    inject(carrier)
    assert (current_trace_id(), carrier) == (None, {})


def test_a_span_is_a_child_of_the_span_around_it() -> None:
    with start_span("outer") as outer:
        assert re.fullmatch("[0-9a-f]{32}", outer.trace_id)
        assert re.fullmatch("[0-9a-f]{16}", outer.span_id)
        assert outer.parent_id is None
        with start_span("inner") as inner:
            assert (inner.trace_id, inner.parent_id) == (outer.trace_id, outer.span_id)
            assert inner.span_id != outer.span_id
            assert current_trace_id() == outer.trace_id
        assert CURRENT.get() is outer.context
    assert CURRENT.get() is None


def test_an_exception_leaves_the_context_as_it_was() -> None:
    with pytest.raises(KeyError), start_span("fails"):
        raise KeyError
    assert CURRENT.get() is None


def test_what_is_injected_is_extracted() -> None:
    carrier: dict[str, str] = {}
    with extract({"traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "a=1"}) as first:
        assert (first.trace_id, first.parent_id, first.context.flags, first.context.state) == (TRACE, SPAN, 0, "a=1")
        inject(carrier)
    assert carrier == {"traceparent": f"00-{TRACE}-{first.span_id}-00", "tracestate": "a=1"}
    with extract(carrier) as second:
        assert (second.trace_id, second.parent_id) == (TRACE, first.span_id)


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [
        ({"x-trace-id": TRACE}, TRACE),
        ({"traceparent": "nonsense", "x-trace-id": TRACE}, TRACE),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01", "x-trace-id": "a" * 32}, TRACE),
    ],
)
def test_the_root_is_the_traceparent_or_else_the_trace_id(carrier: dict[str, str], expected: str) -> None:
    with extract(carrier):
        assert current_trace_id() == expected


def test_without_either_a_trace_is_made() -> None:
    with extract({}) as one, extract({"x-trace-id": "short"}) as other:
        assert one.trace_id != other.trace_id


async def test_tasks_inherit_and_do_not_disturb_each_other() -> None:
    async def work(name: str) -> tuple[str | None, str | None]:
        inherited = current_trace_id()
        with extract({}):
            await asyncio.sleep(0)
            return inherited, current_trace_id()

    with start_span("outer") as outer:
        pairs = await asyncio.gather(*(work(str(number)) for number in range(5)))
        assert {inherited for inherited, _ in pairs} == {outer.trace_id}
        assert len({own for _, own in pairs}) == 5
        assert await asyncio.to_thread(current_trace_id) == outer.trace_id
