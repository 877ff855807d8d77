"""Stage match: a pipeline for the entries that a selector fits, or their end. Spec: Promtail stages/match."""

from opsconductor.collector.stages.entry import Entry
from opsconductor.collector.stages.pipeline import Pipeline
from opsconductor.collector.stages.selector import Selector
from opsconductor.collector.stages.stage import CountDropped, PlainStage


class MatchKeepStage:
    """Fitting entries go through the nested pipeline, the others past it; their order stays."""

    def __init__(self, selector: Selector, pipeline: Pipeline) -> None:
        self._selector, self._pipeline = selector, pipeline
        self.stateful = pipeline.stateful

    @property
    def holds(self) -> bool:
        """Whether the nested pipeline holds entries back."""
        return self._pipeline.holds

    def process(self, entries: list[Entry]) -> list[Entry]:
        """The entries, fitting ones as the nested pipeline leaves them."""
        out: list[Entry] = []
        fits, process = self._selector.fits, self._pipeline.process
        for entry in entries:
            if fits(entry):
                out += process([entry])
            else:
                out.append(entry)
        return out

    def flush(self) -> list[Entry]:
        """What the nested pipeline held back."""
        return self._pipeline.flush()

    def fork(self) -> "MatchKeepStage":
        """A stage for another file."""
        return MatchKeepStage(self._selector, self._pipeline.fork()) if self.stateful else self


class MatchDropStage(PlainStage):
    """Drops fitting entries and counts them under `reason`."""

    def __init__(self, selector: Selector, reason: str, count: CountDropped) -> None:
        self._selector, self._reason, self._count = selector, reason, count

    def keep(self, entry: Entry) -> bool:
        """False where the selector fits."""
        if not self._selector.fits(entry):
            return True
        self._count(self._reason)
        return False
