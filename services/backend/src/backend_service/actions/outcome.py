"""The small interface between a run and its actions: a target in, an outcome out."""

from dataclasses import dataclass
from urllib.parse import urlsplit

OUTPUT_LIMIT = 64 * 1024
TRUNCATED = "\n… truncated at 64 KiB"


@dataclass(frozen=True)
class Endpoint:
    """A target as a plan holds it: `address` is a URL (kind http), host:port (tcp) or a name (host)."""

    id: int
    name: str
    kind: str
    address: str

    def locate_port(self) -> tuple[str, int]:
        """Host and port to connect to. Raises ValueError for a host, which has no port."""
        if self.kind == "host":
            raise ValueError("a target of kind host has no port; use kind tcp or http")
        parts = urlsplit(self.address if self.kind == "http" else f"//{self.address}")
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def locate_url(self, path: str) -> str:
        """The URL of a path on the target; plain HTTP unless the address says otherwise."""
        base = self.address if self.kind == "http" else f"http://{self.address}"
        return base.rstrip("/") + path


@dataclass(frozen=True)
class Outcome:
    """What came of an action: `detail` is one line for people, `output` what the target or command said."""

    succeeded: bool
    detail: str
    output: str = ""


def decode_output(content: bytes) -> str:
    """Bytes of a target as text that PostgreSQL can hold, at most 64 KiB of them."""
    text = content[:OUTPUT_LIMIT].decode("utf-8", errors="replace").replace("\x00", "\ufffd")
    return text + TRUNCATED if len(content) > OUTPUT_LIMIT else text
