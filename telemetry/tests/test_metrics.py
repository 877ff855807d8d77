import threading

import pytest

from opsconductor_telemetry import start_span
from opsconductor_telemetry.metrics import MAX_SERIES, OTHER, Counter, Gauge, Histogram, Registry


@pytest.fixture
def registry() -> Registry:
    return Registry()


def read(family: Counter | Gauge) -> dict[tuple[str, ...], float]:
    return {values: point.value for values, point in family.collect()}


def test_a_counter_counts_by_its_labels(registry) -> None:
    logins = Counter("logins_total", "Logins.", labels=("result", "role"), registry=registry)
    logins.add(result="refused", role="")
    logins.add(2.5, role="admin", result="succeeded")
    logins.add(role="admin", result="succeeded")
    assert read(logins) == {("refused", ""): 1, ("succeeded", "admin"): 3.5}


def test_a_declared_series_is_there_before_its_first_event(registry) -> None:
    logins = Counter("logins_total", "Logins.", labels=("result",), registry=registry)
    spread = Histogram("spread", "Spread.", labels=("a",), registry=registry)
    logins.declare(result="refused")
    spread.declare(a="x")
    assert read(logins) == {("refused",): 0}
    ((values, distribution),) = spread.collect_distributions()
    assert (values, sum(distribution.counts)) == (("x",), 0)


@pytest.mark.parametrize("labels", [{}, {"result": "a", "more": "b"}])
def test_labels_are_those_of_the_family(registry, labels) -> None:
    with pytest.raises(TypeError, match="cannot count logins_total"):
        Counter("logins_total", "Logins.", labels=("result",), registry=registry).add(**labels)


def test_a_name_is_taken_once(registry) -> None:
    Counter("logins_total", "Logins.", registry=registry)
    with pytest.raises(ValueError, match="logins_total"):
        Gauge("logins_total", "Logins.", registry=registry)


def test_a_gauge_moves_and_is_replaced(registry) -> None:
    up = Gauge("up", "Up.", labels=("target",), registry=registry)
    up.set(3, target="a")
    up.add(-1, target="a")
    assert read(up) == {("a",): 2}
    up.replace({("b",): 1.0})
    assert read(up) == {("b",): 1}


def test_observations_fall_into_buckets_with_inclusive_upper_ends(registry) -> None:
    took = Histogram("took", "Took.", bounds=(0.1, 1.0), registry=registry)
    for value in (0.05, 0.1, 0.2, 1.0, 7.0):
        took.observe(value)
    ((_, distribution),) = took.collect_distributions()
    assert distribution.counts == [2, 2, 1]
    assert distribution.sum == pytest.approx(8.35)


def test_the_last_sampled_trace_of_a_bucket_is_its_exemplar(registry) -> None:
    took = Histogram("took", "Took.", bounds=(0.1, 1.0), registry=registry)
    took.observe(0.01)
    with start_span("first"):
        took.observe(0.02)
    with start_span("second") as second:
        took.observe(0.03)
    ((_, distribution),) = took.collect_distributions()
    low, *others = distribution.exemplars
    assert low is not None
    assert (low.trace_id, low.span_id, low.value) == (second.trace_id, second.span_id, 0.03)
    assert others == [None, None]


def test_an_unsampled_trace_is_no_exemplar(registry) -> None:
    from opsconductor_telemetry import extract

    took = Histogram("took", "Took.", registry=registry)
    with extract({"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}):
        took.observe(0.01)
    ((_, distribution),) = took.collect_distributions()
    assert set(distribution.exemplars) == {None}


@pytest.mark.parametrize("kind", [Counter, Gauge, Histogram])
def test_too_many_series_are_folded_and_counted(registry, kind) -> None:
    family = kind("many", "Many.", labels=("id", "x"), registry=registry)
    count = family.observe if kind is Histogram else family.add
    for number in range(MAX_SERIES + 7):
        count(1, id=str(number), x="y")
    count(1, id="0", x="y")
    series = family.collect_distributions() if kind is Histogram else family.collect()
    assert len(series) == MAX_SERIES + 1
    folded = dict(series)[OTHER, OTHER]
    assert (sum(folded.counts) if kind is Histogram else folded.value) == 7
    assert family.folded == 7


def test_threads_lose_no_count(registry) -> None:
    counter = Counter("threads_total", "Threads.", labels=("a",), registry=registry)
    took = Histogram("took", "Took.", registry=registry)

    def work() -> None:
        for _ in range(5000):
            counter.add(a="x")
            took.observe(0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(counter) == {("x",): 20000}
    ((_, distribution),) = took.collect_distributions()
    assert (sum(distribution.counts), distribution.sum) == (20000, 10000)
