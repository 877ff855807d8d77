"""One log line on its way through the stages."""

from collections.abc import Callable, Mapping

ERROR, DETAILS = "__error__", "__error_details__"
EXTRACTED = "_extracted"
EMPTY: Mapping[str, str] = {}


class Row:
    """A line and its labels: of the stream, of the entry (structured metadata), and parsed out of the line.

    A metadata or parsed label that has a name of the stream's labels is renamed with the suffix "_extracted"; so is a
    parsed one that has a name of the metadata's. Spec: Loki's labels builder.
    """

    __slots__ = ("base", "details", "error", "line", "metadata", "parsed", "stream")

    def __init__(self, line: str, stream: Mapping[str, str], metadata: Mapping[str, str] = EMPTY) -> None:
        self.line = line
        self.base = stream
        self.stream = stream
        if metadata and not stream.keys().isdisjoint(metadata):
            metadata = {(name + EXTRACTED if name in stream else name): value for name, value in metadata.items()}
        self.metadata = metadata
        self.parsed: dict[str, str] = {}
        self.error = ""
        self.details = ""

    def get(self, name: str) -> str | None:
        """The value of a label, whatever its origin; None when there is none."""
        if name == ERROR:
            return self.error or None
        if name == DETAILS:
            return self.details or None
        return self.find(name)

    def find(self, name: str) -> str | None:
        """As `get`, but blind to the labels that tell of an error."""
        value = self.parsed.get(name)
        if value is None:
            value = self.metadata.get(name)
        return self.stream.get(name) if value is None else value

    def parsed_name(self, name: str) -> str:
        """What a label read out of the line is called here."""
        return name + EXTRACTED if name in self.base or name in self.metadata else name

    def fail(self, error: str, details: str = "") -> None:
        """Note an error, which becomes the labels __error__ and __error_details__."""
        self.error = error
        if details:
            self.details = details

    def remove(self, drops: Callable[[str, str], bool]) -> None:
        """Remove every label whose (name, value) `drops` says."""
        self.stream = {name: value for name, value in self.stream.items() if not drops(name, value)}
        if self.metadata:
            self.metadata = {name: value for name, value in self.metadata.items() if not drops(name, value)}
        if self.parsed:
            self.parsed = {name: value for name, value in self.parsed.items() if not drops(name, value)}

    def labels(self) -> dict[str, str]:
        """Every label, the errors included; a parsed one may be empty."""
        return {**self.stream, **self.metadata, **self.parsed, **self.errors()}

    def errors(self) -> dict[str, str]:
        """The labels that tell of an error."""
        if not self.error and not self.details:
            return {}
        return {name: text for name, text in ((ERROR, self.error), (DETAILS, self.details)) if text}


Operator = Callable[[Row], bool]
"""A stage: works on the row and says whether it stays."""
