import math
import re

from opsconductor.serving.counters import Registry


def test_prints_what_a_scrape_reads():
    registry = Registry()
    lines = registry.counter("lines_total", "Lines.", ("tenant",))
    registry.gauge("open", "Open.", lambda: 3)
    seconds = registry.histogram("work_seconds", "Work.", bounds=(0.1, 1.0))
    lines.add(2, "a")
    lines.add(0.5, 'quote"and\\slash')
    lines.add(1, "a")
    for value in (0.1, 0.2, 7):
        seconds.observe(value)
    assert registry.render() == (
        "# HELP lines_total Lines.\n# TYPE lines_total counter\n"
        'lines_total{tenant="a"} 3\nlines_total{tenant="quote\\"and\\\\slash"} 0.5\n'
        "# HELP open Open.\n# TYPE open gauge\nopen 3\n"
        "# HELP work_seconds Work.\n# TYPE work_seconds histogram\n"
        'work_seconds_bucket{le="0.1"} 1\nwork_seconds_bucket{le="1"} 2\nwork_seconds_bucket{le="+Inf"} 3\n'
        "work_seconds_sum 7.3\nwork_seconds_count 3\n"
    )


def test_a_counter_without_labels_starts_at_zero_and_one_with_labels_has_no_line():
    registry = Registry()
    registry.counter("plain_total", "Plain.")
    registry.counter("labelled_total", "Labelled.", ("a",))
    assert re.findall(r"^\w+ .*", registry.render(), re.MULTILINE) == ["plain_total 0"]


def test_a_histogram_keeps_label_sets_apart():
    registry = Registry()
    seconds = registry.histogram("s", "S.", ("kind",), bounds=(1.0,))
    seconds.observe(0.5, "a")
    seconds.observe(2, "b")
    counts = dict(re.findall(r's_bucket\{kind="(\w)",le="1"\} (\d)', registry.render()))
    assert counts == {"a": "1", "b": "0"}


def test_a_gauge_may_be_infinite_or_no_number():
    registry = Registry()
    registry.gauge("up", "Up.", lambda: math.inf)
    registry.gauge("nan", "NaN.", lambda: math.nan)
    assert "up +Inf\n" in registry.render()
    assert "nan NaN\n" in registry.render()
