"""The run queue over a real Redis."""

import pytest
import redis
from backend_world import World

from backend_service.queue import GROUP, STREAM, Entry, RunQueue


def test_an_entry_goes_through_and_leaves_nothing(world: World) -> None:
    queue = world.resources.queue
    entry_id = queue.enqueue(7, {"traceparent": "00-a-b-01"})
    assert queue.read(10, 10) == [Entry(entry_id, 7, {"traceparent": "00-a-b-01"})]
    assert queue.read(10, 10) == []
    assert queue.take_over(60_000, 10) == []
    queue.remove(entry_id)
    assert world.raw_redis.xlen(STREAM) == 0
    assert world.raw_redis.xpending(STREAM, GROUP)["pending"] == 0


def test_only_idle_entries_are_taken_over(world: World) -> None:
    queue = world.resources.queue
    renewed, idle = queue.enqueue(1, {}), queue.enqueue(2, {})
    queue.read(10, 10)
    consumer = world.raw_redis.xinfo_consumers(STREAM, GROUP)[0]["name"]
    for entry_id in (renewed, idle):
        world.raw_redis.xclaim(STREAM, GROUP, consumer, 0, [entry_id], idle=120_000, justid=True)
    queue.renew(renewed)
    assert [entry.id for entry in queue.take_over(60_000, 10)] == [idle]


def test_what_is_not_a_run_has_no_id(world: World) -> None:
    world.raw_redis.xadd(STREAM, {"run_id": "²"})
    world.raw_redis.xadd(STREAM, {"x": "1"})
    assert [entry.run_id for entry in world.resources.queue.read(10, 10)] == [None, None]


@pytest.mark.parametrize("lose", ["flush", "group"])
def test_group_and_stream_are_made_again(world: World, lose: str) -> None:
    queue = world.resources.queue
    if lose == "flush":
        world.raw_redis.flushdb()
    else:
        world.raw_redis.xgroup_destroy(STREAM, GROUP)
    entry_id = queue.enqueue(3, {})
    assert queue.read(10, 10) == []
    assert [entry.id for entry in queue.read(10, 10)] == [entry_id], "entries from before the group are read"
    world.raw_redis.flushdb()
    assert queue.take_over(1, 10) == []
    assert world.raw_redis.exists(STREAM)


def test_held_entries_are_known_by_id_and_run(world: World) -> None:
    queue = world.resources.queue
    kept, gone = queue.enqueue(1, {}), queue.enqueue(2, {})
    queue.remove(gone)
    assert queue.find_held([(kept, 1), (gone, 2), (kept, 3)]) == {1}
    assert queue.find_held([]) == set()


def test_an_unreachable_redis_is_an_error(world: World) -> None:
    queue = RunQueue(world.settings(REDIS_URL="redis://127.0.0.1:1/0"))
    with pytest.raises(redis.RedisError):
        queue.enqueue(1, {})
