"""A pipeline: stages one after another."""

from collections.abc import Sequence

from opsconductor.collector.stages.entry import Entry
from opsconductor.collector.stages.stage import Stage


class Pipeline:
    """Stages in order; itself a stage, as `match` nests one. Labels start out as extracted values too.

    Spec: Promtail pipeline.Run.
    """

    def __init__(self, stages: Sequence[Stage] = ()) -> None:
        self.stages = tuple(stages)
        self.stateful = any(stage.stateful for stage in self.stages)

    @property
    def holds(self) -> bool:
        """Whether a stage holds entries back now."""
        return self.stateful and any(stage.holds for stage in self.stages)

    def process(self, entries: list[Entry]) -> list[Entry]:
        """What the last stage lets through."""
        for entry in entries:
            entry.extracted.update(entry.labels)
        return self._run(entries, self.stages)

    def flush(self) -> list[Entry]:
        """Everything held back, through the stages that follow the one that held it."""
        out: list[Entry] = []
        for index, stage in enumerate(self.stages):
            out += self._run(stage.flush(), self.stages[index + 1 :])
        return out

    def fork(self) -> "Pipeline":
        """A pipeline for another file."""
        return Pipeline([stage.fork() for stage in self.stages]) if self.stateful else self

    @staticmethod
    def _run(entries: list[Entry], stages: Sequence[Stage]) -> list[Entry]:
        for stage in stages:
            if not entries:
                break
            entries = stage.process(entries)
        return entries
