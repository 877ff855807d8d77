"""What every stage is."""

from collections.abc import Callable
from typing import Protocol

from opsconductor.collector.stages.entry import Entry

CountDropped = Callable[[str], None]
"""Called with the reason once for each entry that a stage drops."""


def ignore_dropped(_reason: str) -> None:
    """Counts nothing."""


class Stage(Protocol):
    """Turns entries into entries: changed, fewer, or held back until later ones arrive."""

    @property
    def holds(self) -> bool:
        """Whether entries are held back now."""

    @property
    def stateful(self) -> bool:
        """Whether the stage may ever hold entries back."""

    def process(self, entries: list[Entry]) -> list[Entry]:
        """What goes on to the next stage, in order."""

    def flush(self) -> list[Entry]:
        """Entries that were held back, as they are."""

    def fork(self) -> "Stage":
        """A stage for another file: held entries are its own, everything else is shared."""


class PlainStage:
    """A stage that looks at one entry at a time and remembers none; subclasses give `keep`."""

    holds = False
    stateful = False

    def keep(self, entry: Entry) -> bool:
        """Change the entry in place; False drops it."""
        raise NotImplementedError

    def process(self, entries: list[Entry]) -> list[Entry]:
        """Entries that `keep` keeps."""
        keep = self.keep
        return [entry for entry in entries if keep(entry)]

    def flush(self) -> list[Entry]:
        """Nothing is ever held back."""
        return []

    def fork(self) -> "PlainStage":
        """Itself: there is nothing of one file in it."""
        return self
