import asyncio

import pytest

from auth_service import passwords
from auth_service.errors import RefusalError
from auth_service.passwords import HASHER, Hashing, hash_password, verify_password


def test_a_hash_fits_its_password_only() -> None:
    encoded = hash_password("correct horse")
    assert encoded.startswith("$argon2id$")
    assert verify_password(encoded, "correct horse")
    assert not verify_password(encoded, "correct horse ")
    assert encoded != hash_password("correct horse")


def test_an_unknown_user_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    class Recorder:
        def verify(self, encoded: str, password: str) -> bool:
            checked.append(encoded.split("$")[1:4])
            return HASHER.verify(encoded, password)

    known = hash_password("correct horse")
    monkeypatch.setattr(passwords, "HASHER", Recorder())
    assert not verify_password(None, "anything")
    assert not verify_password(known, "anything")
    assert checked == [["argon2id", "v=19", "m=19456,t=2,p=1"]] * 2


def test_a_damaged_hash_fits_nothing() -> None:
    assert not verify_password("not a hash", "x")


async def test_turns_are_bounded_and_so_is_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 2)
    hashing = Hashing()
    inside, release = 0, asyncio.Event()

    async def work() -> None:
        nonlocal inside
        async with hashing.take_turn():
            inside += 1
            await release.wait()

    tasks = [asyncio.create_task(work()) for _ in range(hashing._turns._value + 3)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    refusal = done.pop().exception()
    assert isinstance(refusal, RefusalError)
    assert (refusal.status, refusal.retry_after_s, done) == (503, 1, set())
    assert inside == len(tasks) - 3
    release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert inside == len(tasks) - 1
