"""Committed ends of sources: what makes a resend invisible."""

from collections.abc import Iterable, Mapping
from enum import Enum

from opsconductor.storage.append import SourceRange
from opsconductor.storage.manifest import SourceEnds

_Ends = Mapping[tuple[str, str], int]


class Verdict(Enum):
    """What to do with an append."""

    STORE = "store"
    COMMITTED = "committed"
    CONFLICT = "conflict"


class SourceTable:
    """Ends by tenant and source. Not thread-safe."""

    def __init__(self, ends: SourceEnds) -> None:
        self._ends: SourceEnds = {tenant: dict(of_tenant) for tenant, of_tenant in ends.items()}

    def committed(self, tenant: str) -> dict[str, int]:
        """Committed end of each source of a tenant."""
        return {name: end for name, (end, _) in self._ends.get(tenant, {}).items()}

    def judge(self, tenant: str, ranges: Iterable[SourceRange], staged: _Ends) -> Verdict:
        """COMMITTED when every range is; STORE when each is unknown, continues its end or is a declared gap.

        staged: ends that go with the group of writes being built, which count as if they were committed.
        """
        ranges = tuple(ranges)
        known = {item.id: self._end(tenant, item.id, staged) for item in ranges}
        if not ranges:
            return Verdict.STORE
        if all((end := known[item.id]) is not None and item.end <= end for item in ranges):
            return Verdict.COMMITTED
        for item in ranges:
            end = known[item.id]
            if end is not None and item.start != end and not (item.gap and item.start > end):
                return Verdict.CONFLICT
            known[item.id] = item.end
        return Verdict.STORE

    def named(self, tenant: str, ranges: Iterable[SourceRange], staged: _Ends) -> dict[str, int]:
        """The known ends of the sources that the ranges name."""
        ends = {item.id: self._end(tenant, item.id, staged) for item in ranges}
        return {name: end for name, end in ends.items() if end is not None}

    def move(self, tenant: str, name: str, end: int, now_ns: int) -> None:
        """Record a committed end."""
        self._ends.setdefault(tenant, {})[name] = (end, now_ns)

    def forget(self, before_ns: int) -> None:
        """Drop sources last used before a time, so that the table does not grow for ever."""
        self._ends = drop_unused(self._ends, before_ns)

    def export(self) -> SourceEnds:
        """The table for a manifest."""
        return {tenant: dict(ends) for tenant, ends in self._ends.items()}

    def _end(self, tenant: str, name: str, staged: _Ends) -> int | None:
        end = staged.get((tenant, name))
        if end is not None:
            return end
        known = self._ends.get(tenant, {}).get(name)
        return known[0] if known else None


def drop_unused(ends: SourceEnds, before_ns: int) -> SourceEnds:
    """The ends used at or after a time; tenants without any are left out."""
    kept = {
        tenant: {name: entry for name, entry in of_tenant.items() if entry[1] >= before_ns}
        for tenant, of_tenant in ends.items()
    }
    return {tenant: of_tenant for tenant, of_tenant in kept.items() if of_tenant}
