import base64
import gzip
import json
import zlib

import cramjam
import numpy as np
import pytest
from google.protobuf import descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor.logs.decoding import decode_json, decode_protobuf, decode_push
from opsconductor.logs.descriptors import PACKAGE, build_file
from opsconductor.model.errors import InputError, LimitError
from opsconductor.model.labels import format_labels, parse_labels

LIMIT = 1 << 20

_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(build_file().SerializeToString())
PushRequest = message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.PushRequest"))


def encode(streams):
    """Protobuf of [(labels, [(seconds, nanos, line, {name: value})])]; texts may be bytes."""
    request = PushRequest()
    for labels, entries in streams:
        stream = request.streams.add(labels=to_bytes(labels))
        for seconds, nanos, line, metadata in entries:
            entry = stream.entries.add(line=to_bytes(line))
            entry.timestamp.seconds, entry.timestamp.nanos = seconds, nanos
            for name, value in metadata.items():
                entry.metadata.add(name=to_bytes(name), value=to_bytes(value))
    return request.SerializeToString()


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def snappy(body):
    return bytes(cramjam.snappy.compress_raw(body))


def deflate(body):
    encoder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return encoder.compress(body) + encoder.flush()


def rows(push):
    """[(labels, [(ns, line, {name: value})])]: the columns as plain data."""
    lines = [line.decode("utf-8", "replace") if isinstance(line, bytes) else line for line in push.line.to_pylist()]
    metadata = (
        [dict(pairs) for pairs in push.metadata.to_pylist()] if push.metadata is not None else [{}] * len(lines)
    )
    entries = list(zip(push.time.tolist(), lines, metadata, strict=True))
    spans = zip(push.labels, push.offsets[:-1].tolist(), push.offsets[1:].tolist(), strict=True)
    return [(labels, entries[start:end]) for labels, start, end in spans]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
STREAMS = st.lists(
    st.tuples(
        TEXT,
        st.lists(
            st.tuples(
                st.integers(-(10**9), 9 * 10**9),
                st.integers(0, 999_999_999),
                TEXT,
                st.dictionaries(TEXT, TEXT, max_size=3),
            ),
            max_size=5,
        ),
    ),
    max_size=4,
)


@given(STREAMS)
@settings(max_examples=60, deadline=None)
def test_protobuf_gives_back_what_was_sent(streams):
    wanted = [(labels, [(s * 10**9 + n, line, md) for s, n, line, md in entries]) for labels, entries in streams]
    assert rows(decode_push(snappy(encode(streams)), "application/x-protobuf", "", LIMIT)) == wanted


@given(st.lists(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), TEXT, st.dictionaries(TEXT, TEXT, max_size=3)))))
@settings(max_examples=60, deadline=None)
def test_json_gives_back_what_was_sent(streams):
    body = {
        "streams": [
            {
                "stream": {"a": str(number)},
                "values": [[str(time), line, *([md] if md else [])] for time, line, md in entries],
            }
            for number, entries in enumerate(streams)
        ]
    }
    wanted = [(f'{{a="{number}"}}', entries) for number, entries in enumerate(streams)]
    assert rows(decode_push(json.dumps(body).encode(), "application/json", "", LIMIT)) == wanted


def test_one_bad_byte_is_repaired_in_its_own_entry():
    entries = [(1, 0, b"good \xc3\xa9", {}), (2, 0, b"bad \xff", {b"k": b"\xfe"})]
    (stream,) = rows(decode_protobuf(encode([(b'{a="\xff"}', entries)])))
    assert stream == ('{a="\ufffd"}', [(10**9, "good é", {}), (2 * 10**9, "bad \ufffd", {"k": "\ufffd"})])


@pytest.mark.parametrize("line", [b'"bad \xff"', rb'"bad \ud800"'])
def test_one_bad_character_in_json_is_repaired(line):
    body = b'{"streams":[{"stream":{"a":"b"},"values":[["1","good"],["2",%s]]}]}' % line
    assert rows(decode_json(body)) == [('{a="b"}', [(1, "good", {}), (2, "bad \ufffd", {})])]


def test_times_beyond_a_calendar_do_not_wrap():
    far = [(2**62, 0, "late", {}), (-(2**62), 0, "early", {}), (5, 2**31 - 1, "nanos", {})]
    late, early, nanos = decode_protobuf(encode([("{}", far)])).time.tolist()
    assert late > 9 * 10**18
    assert early < -9 * 10**18
    assert nanos == 5_999_999_999


def test_unknown_fields_are_skipped_and_an_absent_time_is_zero():
    request = PushRequest()
    request.streams.add(labels=b'{a="b"}').entries.add(line=b"x")
    body = request.SerializeToString() + b"\x12\x03abc"
    assert rows(decode_protobuf(body)) == [('{a="b"}', [(0, "x", {})])]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("", bytes),
        ("snappy", bytes),
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:10], mtime=0) + gzip.compress(body[10:])),
        ("deflate", deflate),
    ],
)
def test_json_encodings(encoding, compress):
    body = compress(b'{"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]}')
    found = decode_push(body, "application/json; charset=utf-8", encoding, LIMIT)
    assert rows(found) == [('{a="b"}', [(1, "x", {})])]


@pytest.mark.parametrize(
    ("body", "content_type", "encoding"),
    [
        (gzip.compress(b" " * (LIMIT + 1), mtime=0), "application/json", "gzip"),
        (deflate(b" " * (LIMIT + 1)), "application/json", "deflate"),
        (snappy(bytes(LIMIT + 1)), "application/x-protobuf", ""),
        (b"\xff\xff\xff\xff\x0f", "application/x-protobuf", ""),
    ],
)
def test_a_body_that_grows_beyond_the_limit_is_413(body, content_type, encoding):
    with pytest.raises(LimitError) as raised:
        decode_push(body, content_type, encoding, LIMIT)
    assert raised.value.status == 413
    assert "max_recv_msg_size" in str(raised.value)


@pytest.mark.parametrize(
    ("body", "content_type", "encoding"),
    [
        (b"{}", "", ""),
        (b"{}", "application/json; charsetutf-8", ""),
        (b"", "application/json", ""),
        (b"[]", "application/json", ""),
        (b'{"streams":{}}', "application/json", ""),
        (b'{"streams":[1]}', "application/json", ""),
        (b'{"streams":[{"values":[]}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":1},"values":[]}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":"b"},"values":{}}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":"b"},"values":[["x","x"]]}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":"b"},"values":[["9223372036854775808","x"]]}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":"b"},"values":[["1",{"x":1}]]}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"a":1}]]}]}', "application/json", ""),
        (b'{"streams":[{"stream":{"a":"b"},"values":[["1","x",{},1]]}]}', "application/json", ""),
        (b"[" * 100_000, "application/json", ""),
        (b"{}", "application/json", "br"),
        (b"{}", "application/json", "gzip"),
        (gzip.compress(b'{"streams":[]}', mtime=0)[:-3], "application/json", "gzip"),
        (b"", "application/x-protobuf", ""),
        (b"no snappy", "application/x-protobuf", ""),
        (snappy(b"\xff\xff"), "application/x-protobuf", ""),
        (snappy(b"\x0a\x05ab"), "application/x-protobuf", ""),
    ],
)
def test_what_cannot_be_decoded_is_an_input_error(body, content_type, encoding):
    with pytest.raises(InputError):
        decode_push(body, content_type, encoding, LIMIT)


GOOD = [
    (
        snappy(encode([('{a="b"}', [(5, 5, "line", {"k": "v"}), (6, 0, "x" * 40, {})]), ("{}", [])])),
        "application/x-protobuf",
        "",
    ),
    (b'{"streams":[{"stream":{"a":"b"},"values":[["1","line",{"k":"v"}]]}]}', "application/json", ""),
    (
        gzip.compress(b'{"streams":[{"stream":{"a":"b"},"values":[["1","line"]]}]}', mtime=0),
        "application/json",
        "gzip",
    ),
]


@given(
    st.sampled_from(GOOD),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    st.integers(0, 9),
)
@settings(max_examples=400, deadline=None)
def test_a_mutated_body_is_decoded_or_refused(good, changes, cut):
    body, content_type, encoding = good
    mutated = bytearray(body[: len(body) - cut])
    for at, value in changes:
        mutated[at % len(mutated)] = value
    try:
        push = decode_push(bytes(mutated), content_type, encoding, LIMIT)
    except (InputError, LimitError):
        return
    assert push.offsets[-1] == len(push.time) == len(push.line)
    assert np.all(np.diff(push.offsets) >= 0)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_random_protobuf_is_decoded_or_refused(body):
    try:
        rows(decode_protobuf(body))
    except InputError:
        pass


def test_the_originals_vectors(conformance):
    checked = 0
    for row in map(json.loads, (conformance / "logs/push_request_vectors.jsonl").read_text().splitlines()):
        if "backfill" in json.dumps(row):
            continue  # shards of a backfill are not ours
        checked += 1
        body = base64.b64decode(row["body_b64"]) if "body_b64" in row else row["body"].encode()
        headers = row["headers"]
        arguments = body, headers.get("Content-Type", ""), headers.get("Content-Encoding", ""), LIMIT
        if "error" in row:
            with pytest.raises(InputError):
                decode_push(*arguments)
            continue
        found = [
            (without_service(labels), [(time, line, sorted(metadata.items())) for time, line, metadata in entries])
            for labels, entries in rows(decode_push(*arguments))
        ]
        wanted = [
            (
                without_service(stream["labels"]),
                [
                    (entry["ts"], entry["line"], sorted(map(tuple, entry.get("structured_metadata", []))))
                    for entry in stream["entries"]
                ],
            )
            for stream in row["streams"]
        ]
        assert sorted(found) == sorted(wanted), row
    assert checked > 20


def without_service(labels):
    """The canonical labels; service_name is discovered by the original and not by us."""
    return format_labels(tuple(pair for pair in parse_labels(labels) if pair[0] != "service_name"))
