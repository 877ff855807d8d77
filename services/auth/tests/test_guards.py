import asyncio

import pytest
from redis.asyncio import Redis

from auth_service.errors import RefusalError
from auth_service.guards import LockOut, RateLimit, name_network


async def test_the_rate_is_per_address(redis: Redis) -> None:
    limit = RateLimit(redis, 3)
    for _ in range(3):
        await limit.take("198.51.100.7")
    with pytest.raises(RefusalError, match="LOGIN_RATE_PER_MINUTE") as caught:
        await limit.take("198.51.100.7")
    assert caught.value.status == 429
    assert 0 < caught.value.retry_after_s <= 60
    await limit.take("198.51.100.8")


async def test_the_rate_opens_again_with_the_window(redis: Redis) -> None:
    limit = RateLimit(redis, 1)
    await limit.take("198.51.100.7")
    await redis.pexpire("auth:rate:198.51.100.7", 1)
    await asyncio.sleep(0.02)
    await limit.take("198.51.100.7")


def test_an_ipv6_client_is_its_network() -> None:
    assert name_network("2001:db8:1:2:aaaa::1") == name_network("2001:db8:1:2:bbbb::9") == "2001:db8:1:2::/64"
    assert name_network("2001:db8:1:3::1") != name_network("2001:db8:1:2::1")
    assert name_network(None) == name_network("testclient") == "unknown"


async def test_failures_lock_the_account_once(redis: Redis) -> None:
    lock_out = LockOut(redis, 3, 900)
    assert [await lock_out.count_failure("Ada") for _ in range(3)] == [False, False, True]
    with pytest.raises(RefusalError, match="locked") as caught:
        await lock_out.check("ada")
    assert (caught.value.status, 0 < caught.value.retry_after_s <= 900) == (423, True)
    await lock_out.check("bob")


async def test_a_lock_ends(redis: Redis) -> None:
    lock_out = LockOut(redis, 1, 1)
    assert await lock_out.count_failure("ada")
    with pytest.raises(RefusalError):
        await lock_out.check("ada")
    await asyncio.sleep(1.1)
    await lock_out.check("ada")


async def test_a_good_login_forgets_failures_but_not_a_lock(redis: Redis) -> None:
    lock_out = LockOut(redis, 2, 900)
    assert not await lock_out.count_failure("ada")
    await lock_out.clear("ada")
    assert not await lock_out.count_failure("ada")
    assert await lock_out.count_failure("ada")
    await lock_out.clear("ada")
    with pytest.raises(RefusalError):
        await lock_out.check("ada")
    await lock_out.unlock("ada")
    await lock_out.check("ada")


async def test_every_counter_ends_by_itself(redis: Redis) -> None:
    await RateLimit(redis, 3).take("198.51.100.7")
    lock_out = LockOut(redis, 2, 900)
    await lock_out.count_failure("ada")
    for _ in range(2):
        await lock_out.count_failure("bob")
    keys = await redis.keys()
    assert len(keys) == 3
    assert [key for key in keys if await redis.ttl(key) <= 0] == []
