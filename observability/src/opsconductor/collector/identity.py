"""Which file a file is: device, inode and the head of its content.

So no rename, truncation or reused inode is taken for another file, and the store's committed offset is met again
even when our own state is lost.
"""

import hashlib
import os
from dataclasses import dataclass

HEAD_BYTES = 1024
"""How much of a file's first line identifies it."""


@dataclass(frozen=True)
class Identity:
    """head: digest of the head's bytes; generation: counts truncations that left the same head."""

    device: int
    inode: int
    head: str
    generation: int = 0

    @property
    def id(self) -> str:
        """The text that the store knows the file by: 32 hex digits, the same after any restart."""
        key = f"{self.device}:{self.inode}:{self.head}:{self.generation}"
        return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def read_head(descriptor: int) -> bytes | None:
    """The file's first line with its end, or its first HEAD_BYTES; None while the first line is incomplete."""
    data = os.pread(descriptor, HEAD_BYTES, 0)
    end = data.find(b"\n")
    if end >= 0:
        return data[: end + 1]
    return data if len(data) == HEAD_BYTES else None


def digest_head(head: bytes) -> str:
    """The digest that stands for a head."""
    return hashlib.blake2b(head, digest_size=12).hexdigest()
