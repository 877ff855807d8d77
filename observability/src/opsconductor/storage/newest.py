"""The newest time of each series: rows above it cannot be duplicates of anything stored."""

from opsconductor.storage.pending import SeriesSpans

_MAX_SERIES = 200_000


class NewestTimes:
    """Not thread-safe. `floors`: by tenant, a time (ns) that no stored row exceeds, for series not seen yet.

    Bounded: past 200,000 series they are forgotten and their newest time becomes the tenant's floor, which costs
    comparisons, never correctness.
    """

    def __init__(self, floors: dict[str, int]) -> None:
        self._floors = dict(floors)
        self._last: dict[str, dict[int, int]] = {}
        self._count = 0

    def exceeds(self, tenant: str, spans: SeriesSpans) -> bool:
        """Whether every row is newer than all stored rows of its series."""
        floor, last = self._floors.get(tenant), self._last.get(tenant, {})
        if floor is None:
            floor = int(spans.first.min()) - 1
        return all(
            first > floor and first > last.get(number, floor)
            for number, first in zip(spans.ids.tolist(), spans.first.tolist(), strict=True)
        )

    def observe(self, tenant: str, spans: SeriesSpans) -> None:
        """Take in rows that are stored or about to be."""
        last = self._last.setdefault(tenant, {})
        before = len(last)
        for number, newest in zip(spans.ids.tolist(), spans.last.tolist(), strict=True):
            if newest > last.get(number, newest - 1):
                last[number] = newest
        self._count += len(last) - before
        if self._count > _MAX_SERIES:
            self._forget()

    def _forget(self) -> None:
        for tenant, last in self._last.items():
            if last:
                newest = max(last.values())
                self._floors[tenant] = max(newest, self._floors.get(tenant, newest))
        self._last, self._count = {}, 0
