import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.serving.worker_protocol import (
    MAX_BODY_BYTES,
    Frame,
    ProtocolError,
    Question,
    ask_frame,
    encode_frame,
    read_frame,
)


def read_all(content):
    async def read():
        reader = asyncio.StreamReader()
        reader.feed_data(content)
        reader.feed_eof()
        frames = []
        while (frame := await read_frame(reader)) is not None:
            frames.append(frame)
        return frames

    return asyncio.run(read())


FRAMES = st.lists(st.builds(Frame, st.dictionaries(st.text(max_size=5), st.integers(-9, 9)), st.binary(max_size=50)))


@given(FRAMES, st.integers(0, 20))
def test_frames_come_back_and_a_torn_one_is_the_end(frames, torn):
    content = b"".join(map(encode_frame, frames))
    assert read_all(content) == frames
    last = encode_frame(Frame({"id": 1}, b"x" * 20))
    assert read_all(content + last[: len(last) - 1 - torn]) == frames


def test_sizes_beyond_the_limits_and_no_json_are_errors():
    with pytest.raises(ProtocolError):
        read_all(struct.pack("<II", 2, MAX_BODY_BYTES + 1) + b"{}")
    with pytest.raises(ProtocolError):
        read_all(struct.pack("<II", 1 << 30, 0))
    with pytest.raises(ProtocolError):
        read_all(struct.pack("<II", 1, 0) + b"{")


def test_a_question_survives():
    question = Question("query", "fake", "query=%7B%7D", "categorize-labels", 60.0)
    (frame,) = read_all(encode_frame(ask_frame(7, question, b"form")))
    assert Question(**frame.header["question"]) == question
    assert (frame.header["id"], frame.header["kind"], frame.body) == (7, "ask", b"form")
