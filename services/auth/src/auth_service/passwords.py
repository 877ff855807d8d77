"""Argon2id hashes of passwords, made and checked in threads, a bounded number at a time."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from auth_service.errors import RefusalError

MAX_WAITING = 64
"""Checks that may wait for their turn; more are refused with 503."""

# OWASP's first choice for Argon2id: 19 MiB, two passes, one lane
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_UNKNOWN = HASHER.hash(os.urandom(16).hex())


def hash_password(password: str) -> str:
    """The encoded Argon2id hash; takes tens of milliseconds."""
    return HASHER.hash(password)


def verify_password(encoded: str | None, password: str) -> bool:
    """Whether the password is the hash's. For an unknown user (None) the same work is done, and False comes."""
    try:
        HASHER.verify(encoded or _UNKNOWN, password)
    except (VerificationError, InvalidHashError):
        return False
    return encoded is not None


class Hashing:
    """One hash a core at a time, which also bounds the memory (19 MiB each)."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(min(os.cpu_count() or 1, 4))
        self._waiting = 0

    @asynccontextmanager
    async def take_turn(self) -> AsyncIterator[None]:
        """Hold one of the turns. RefusalError 503 when too many wait."""
        if self._waiting >= MAX_WAITING:
            raise RefusalError(503, f"cannot check a password: {MAX_WAITING} checks wait already; try again", 1)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def hash(self, password: str) -> str:
        """As hash_password(), in a thread and in turn."""
        async with self.take_turn():
            return await asyncio.to_thread(hash_password, password)
