"""What {{ … }} becomes in labels and annotations."""

import pytest

from opsconductor.rules.template import expand_template

LABELS = (("instance", "auth:8001"), ("service", "auth"))


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("plain", 1, "plain"),
        ("{{ $labels.service }} has {{ $value }}", 2, "auth has 2"),
        ("{{$labels.nosuch}}|", 2, "|"),
        ("{{ $value | humanize }}", 1234567, "1.235M"),
        ("{{ $value | humanize }}", 0.00123, "1.23m"),
        ("{{ humanize1024 $value }}B", 5 * 1024**3, "5GiB"),
        ("{{ $value | humanizePercentage }}", 0.1234, "12.34%"),
        ("{{ $value | humanizeDuration }}", 3725, "1h 2m 5s"),
        ("{{ $value | humanizeDuration }}", 90061, "1d 1h 1m 1s"),
        ("{{ $value | humanizeDuration }}", 0.25, "250ms"),
        ('{{ printf "%.2f" $value }}', 1.005, "1.00"),
        ("{{ $labels.service | toUpper }}", 0, "AUTH"),
        ("{{ $value }}", float("inf"), "+Inf"),
        ("{{ nosuch $value }}", 1, "<error expanding template: function 'nosuch' not defined>"),
        ("{{ }}", 1, "<error expanding template: missing value for command>"),
    ],
)
def test_expand(template: str, value: float, text: str) -> None:
    assert expand_template(template, LABELS, value) == text
