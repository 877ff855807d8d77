import asyncio

from redis.asyncio import Redis

from auth_service import sessions
from auth_service.roles import Role
from auth_service.sessions import Rotation, SessionStore
from auth_service.users import Identity

ADA = Identity(7, "ada", Role.OPERATOR)


def make_store(redis: Redis, access_s: int = 900, idle_s: int = 28800) -> SessionStore:
    return SessionStore(redis, access_s, idle_s)


async def test_an_access_token_leads_to_its_session(redis: Redis) -> None:
    store = make_store(redis)
    session_id, tokens = await store.open(ADA)
    session = await store.check(tokens.access_token)
    assert session
    assert (session.id, session.user) == (session_id, ADA)
    assert tokens.expires_in == 900
    assert await store.check(tokens.refresh_token) is None
    assert await store.check("x" * 43) is None


async def test_redis_holds_no_token(redis: Redis) -> None:
    _, tokens = await make_store(redis).open(ADA)
    stored = [*await redis.keys()]
    for key in await redis.keys("auth:session:*"):
        stored += (await redis.hgetall(key)).values()
    text = " ".join(stored)
    assert tokens.access_token not in text
    assert tokens.refresh_token not in text


async def test_every_key_ends_by_itself(redis: Redis) -> None:
    store = make_store(redis)
    session_id, tokens = await store.open(ADA)
    await store.rotate(session_id, tokens.refresh_token, ADA)
    keys = await redis.keys()
    assert len(keys) == 7
    assert [key for key in keys if await redis.ttl(key) <= 0] == []


async def test_an_access_token_ends_before_its_session(redis: Redis) -> None:
    store = make_store(redis, access_s=1)
    session_id, tokens = await store.open(ADA)
    await asyncio.sleep(1.1)
    assert await store.check(tokens.access_token) is None
    assert await store.find(session_id)


async def test_a_rotation_gives_a_new_pair_and_the_user_as_it_is_now(redis: Redis) -> None:
    store = make_store(redis)
    session_id, old = await store.open(ADA)
    viewer = Identity(7, "ada", Role.VIEWER)
    outcome, new = await store.rotate(session_id, old.refresh_token, viewer)
    assert outcome is Rotation.ROTATED
    session = await store.check(new.access_token)
    assert session
    assert (session.id, session.user) == (session_id, viewer)


async def test_a_used_refresh_token_ends_the_session(redis: Redis) -> None:
    store = make_store(redis)
    session_id, first = await store.open(ADA)
    _, second = await store.rotate(session_id, first.refresh_token, ADA)
    found = await store.find_by_refresh(first.refresh_token)
    assert found
    assert found.id == session_id
    outcome, third = await store.rotate(session_id, first.refresh_token, ADA)
    assert outcome is Rotation.REUSED
    for tokens in (first, second, third):
        assert await store.check(tokens.access_token) is None
        assert await store.find_by_refresh(tokens.refresh_token) is None
    outcome, _ = await store.rotate(session_id, second.refresh_token, ADA)
    assert outcome is Rotation.ENDED


async def test_of_refreshes_at_once_one_wins(redis: Redis) -> None:
    store = make_store(redis)
    session_id, tokens = await store.open(ADA)
    outcomes = await asyncio.gather(*(store.rotate(session_id, tokens.refresh_token, ADA) for _ in range(8)))
    assert [outcome for outcome, _ in outcomes].count(Rotation.ROTATED) == 1


async def test_all_sessions_of_a_user_end_but_one(redis: Redis) -> None:
    store = make_store(redis)
    opened = [await store.open(ADA) for _ in range(3)]
    _, other = await store.open(Identity(8, "bob", Role.VIEWER))
    assert await store.end_all(ADA.id, keep=opened[1][0]) == 2
    assert [bool(await store.check(tokens.access_token)) for _, tokens in opened] == [False, True, False]
    assert await store.check(other.access_token)
    assert await store.count() == 2


async def test_open_sessions_are_counted_until_they_end(redis: Redis) -> None:
    store = make_store(redis, idle_s=2)
    session_id, tokens = await store.open(ADA)
    await store.open(ADA)
    ended, _ = await store.open(ADA)
    await store.end(ended, ADA.id)
    assert await store.count() == 2
    await asyncio.sleep(1.2)
    await store.rotate(session_id, tokens.refresh_token, ADA)
    await asyncio.sleep(1)
    assert await store.count() == 1


async def test_the_oldest_session_makes_room(redis: Redis, monkeypatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS_PER_USER", 2)
    store = make_store(redis)
    opened = [await store.open(ADA) for _ in range(3)]
    assert [bool(await store.check(tokens.access_token)) for _, tokens in opened] == [False, True, True]
    assert await redis.zcard("auth:user:7") == 2
