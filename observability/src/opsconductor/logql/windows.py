"""The windows of a range aggregation, and counting into them.

At every step T the window is (T − range, T], moved by the offset. Time is cut at every window's edges, so that each
entry lies in one bucket and a window is a run of buckets; sums of whole numbers over runs are exact.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Windows:
    """`count` windows of `range_ns`, the first one starting after `after_ns`, each `step_ns` after the one before."""

    after_ns: int
    step_ns: int
    count: int
    range_ns: int

    @classmethod
    def of(cls, steps: range, range_ns: int, offset_ns: int) -> "Windows":
        """The windows that end at the steps, minus the offset."""
        step = steps.step if len(steps) > 1 else range_ns
        return cls(steps[0] - offset_ns - range_ns, step, len(steps), range_ns)

    @property
    def start_ns(self) -> int:
        """Time of the earliest entry that can count."""
        return self.after_ns + 1

    @property
    def end_ns(self) -> int:
        """The first time after every window."""
        return self.after_ns + (self.count - 1) * self.step_ns + self.range_ns + 1

    @property
    def _rest(self) -> int:
        return self.range_ns % self.step_ns

    def bucket_sql(self) -> str:
        """The bucket of the column `time`, as SQL."""
        quotient = f"2 * ((time - {self.start_ns}) // {self.step_ns})"
        if not self._rest:
            return quotient
        return f"{quotient} + ((time - {self.start_ns}) % {self.step_ns} >= {self._rest})::BIGINT"

    def covers_sql(self) -> list[str]:
        """Conditions on the column `time` that leave out what lies between windows."""
        if self.range_ns >= self.step_ns:
            return []
        return [f"(time - {self.start_ns}) % {self.step_ns} < {self.range_ns}"]

    def bucket(self, times: Ints) -> Ints:
        """The buckets of some times."""
        since = times - self.start_ns
        buckets = 2 * (since // self.step_ns)
        return buckets + (since % self.step_ns >= self._rest) if self._rest else buckets

    def edges(self) -> tuple[Ints, Ints]:
        """First bucket, and first bucket after, of each window."""
        first = 2 * np.arange(self.count, dtype=np.int64)
        return first, first + 2 * (self.range_ns // self.step_ns) + (1 if self._rest else 0)


class Tally:
    """Amounts of label sets in buckets, added in any order."""

    def __init__(self) -> None:
        self._groups: list[Ints] = []
        self._buckets: list[Ints] = []
        self._amounts: list[Ints] = []

    def add(self, groups: Ints, buckets: Ints, amounts: Ints) -> None:
        """Add amounts[i] to bucket buckets[i] of group groups[i]."""
        self._groups.append(groups)
        self._buckets.append(buckets)
        self._amounts.append(amounts)

    def sum(self, windows: Windows, groups: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Sum of amounts, and whether there was any, int64 and bool [groups, windows]."""
        if not self._groups:
            shape = (groups, windows.count)
            return np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
        first, after = windows.edges()
        width = int(after[-1]) + 2
        keys = np.concatenate(self._groups) * width + np.concatenate(self._buckets)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        totals = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(self._amounts)[order])])
        rows = np.arange(groups, dtype=np.int64)[:, None] * width
        left, right = np.searchsorted(keys, rows + first), np.searchsorted(keys, rows + after)
        return totals[right] - totals[left], right > left
