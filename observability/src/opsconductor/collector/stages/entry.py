"""An entry on its way through a pipeline, and how extracted values become text."""

from decimal import Decimal

Extracted = str | float | int | bool | None


class Entry:
    """One line with its labels, the values extracted so far and its time.

    time_ns: int, ns since 1970; labels: name → value; extracted: name → str, number, bool or None.
    """

    __slots__ = ("extracted", "labels", "line", "time_ns")

    def __init__(self, time_ns: int, line: str, labels: dict[str, str]) -> None:
        self.time_ns, self.line, self.labels = time_ns, line, labels
        self.extracted: dict[str, Extracted] = {}


def format_extracted(value: Extracted) -> str | None:
    """The text of an extracted value; None where it has none (JSON's null).

    Numbers are doubles without an exponent, as the original prints them: 1e21 is 1000000000000000000000.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) <= 1 << 53:
        return str(value)
    text = repr(float(value))
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")
