"""One file that the collector knows, open or not: how far it was read, handled and stored."""

from dataclasses import asdict, dataclass, field
from typing import Any

from opsconductor.collector.config import Target
from opsconductor.collector.identity import Identity
from opsconductor.collector.stages.entry import Entry
from opsconductor.collector.stages.pipeline import Pipeline
from opsconductor.collector.tail import Tail


@dataclass
class Position:
    """What survives a restart. Offsets in bytes.

    path: the name under which the file was written, whatever it was renamed to; offset: everything before it needs
    no second reading; committed: the end of the last range that the store took (less than `offset` where only
    dropped lines lie between); gap: the next range may start after what the store knows; anchor: bytes before
    `offset`; modified: ns, the file's mtime when it was last read (before that: when files were last looked for), so
    that unknown rotated files with a later one are younger; missing: since when (s) it was not found, 0 = is there.
    """

    path: str
    target: str
    offset: int = 0
    committed: int = 0
    gap: bool = False
    anchor: bytes = b""
    modified: int = 0
    missing: float = 0.0

    def to_json(self, identity: Identity) -> dict[str, Any]:
        """The position and its file's identity as JSON values."""
        return {**asdict(self), "anchor": self.anchor.hex(), **asdict(identity)}


def position_from_json(data: dict[str, Any]) -> tuple[Identity, Position]:
    """The inverse of Position.to_json. Raises KeyError, TypeError or ValueError."""
    identity = Identity(int(data["device"]), int(data["inode"]), str(data["head"]), int(data["generation"]))
    position = Position(
        str(data["path"]),
        str(data["target"]),
        int(data["offset"]),
        int(data["committed"]),
        bool(data["gap"]),
        bytes.fromhex(data["anchor"]),
        int(data["modified"]),
        float(data["missing"]),
    )
    return identity, position


@dataclass
class Source:
    """A file and its position; the rest lives as long as the process.

    read, read_anchor: how far lines were taken into a batch; range_start: where the next range begins; held: entries
    that wait for a stage's outstanding ones, since `held_since` (monotonic s) and offset `held_from`; draining: no
    writer opens the file under its name any more; name: where it was last seen; idle_since: monotonic s of the
    first read that found nothing.
    """

    identity: Identity
    position: Position
    read: int = 0
    read_anchor: bytes = b""
    range_start: int = 0
    tail: Tail | None = None
    name: str = ""
    target: Target | None = None
    pipeline: Pipeline = field(default_factory=Pipeline)
    labels: dict[str, str] = field(default_factory=dict)
    held: list[Entry] = field(default_factory=list)
    held_since: float = 0.0
    held_from: int = 0
    draining: bool = False
    idle_since: float = 0.0

    def __post_init__(self) -> None:
        self.rewind()

    @property
    def id(self) -> str:
        """The identity's text."""
        return self.identity.id

    @property
    def waits(self) -> bool:
        """Whether entries wait for what a stage expects to follow."""
        return bool(self.held) or self.pipeline.holds

    @property
    def pending(self) -> bool:
        """Whether lines were read that are not handled yet."""
        return self.read != self.position.offset or self.waits

    def rewind(self) -> None:
        """Forget what was read beyond the position; it will be read again."""
        position = self.position
        self.read, self.read_anchor, self.range_start = position.offset, position.anchor, position.committed
        self.held = []
        if self.target:
            self.pipeline = self.target.pipeline.fork()
        if self.tail:
            self.tail.seek(self.read, self.read_anchor)

    def close(self) -> None:
        """Close the file; the position stays."""
        if self.tail:
            self.tail.close()
            self.tail = None
