"""Stage output: an extracted value becomes the line. Spec: Promtail stages/output."""

from opsconductor.collector.stages.entry import Entry, format_extracted
from opsconductor.collector.stages.stage import CountDropped, PlainStage
from opsconductor.model.document import Section


class OutputStage(PlainStage):
    """A missing value or null leaves the line alone."""

    def __init__(self, source: str) -> None:
        self._source = source

    def keep(self, entry: Entry) -> bool:
        """Replace the line."""
        text = format_extracted(entry.extracted.get(self._source))
        if text is not None:
            entry.line = text
        return True


def read_output(section: Section, _count: CountDropped) -> OutputStage:
    """The stage of `source`. Raises ConfigError."""
    source = section.text("source")
    if not source:
        raise section.value.fail("source is missing; name the extracted value that becomes the line")
    return OutputStage(source)
