import pytest

from opsconductor.model.errors import UnavailableError
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.errors import BodyTooLargeError


def make_receive(*messages):
    left = list(messages)

    async def receive():
        return left.pop(0)

    return receive


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


async def test_joins_parts_up_to_the_limit():
    receive = make_receive(part(b"ab", more=True), part(b"cd"))
    assert await read_body({"headers": []}, receive, 4, "max") == b"abcd"


async def test_refuses_one_byte_more_and_names_the_limit():
    receive = make_receive(part(b"ab", more=True), part(b"cde"))
    with pytest.raises(BodyTooLargeError, match="max_recv_msg_size") as raised:
        await read_body({"headers": []}, receive, 4, "max_recv_msg_size")
    assert raised.value.status == 413


async def test_refuses_an_announced_length_before_reading():
    with pytest.raises(BodyTooLargeError):
        await read_body({"headers": [(b"content-length", b"5")]}, make_receive(), 4, "max")


async def test_a_client_that_leaves_is_no_body():
    with pytest.raises(ClientLeftError):
        await read_body({"headers": []}, make_receive(part(b"a", more=True), {"type": "http.disconnect"}), 4, "max")


async def test_each_part_is_counted_and_may_be_refused():
    sizes = []

    def take(size):
        sizes.append(size)
        if sum(sizes) > 3:
            raise UnavailableError("cannot take more now")

    with pytest.raises(UnavailableError):
        await read_body({"headers": []}, make_receive(part(b"ab", more=True), part(b"cd")), 9, "max", take)
    assert sizes == [2, 2]
