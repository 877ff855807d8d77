"""Protobuf descriptors of the push body, made in code, and the decoder that turns a body into Arrow columns.

Text fields are declared as bytes: a decoder of strings refuses a whole push for one byte that is not UTF-8; here the
entry is repaired instead. Unknown fields are skipped. Spec: Loki pkg/push/push.proto.
"""

from functools import cache
from typing import Any

import ptars
from google.protobuf import descriptor_pb2, descriptor_pool

PACKAGE = "opsconductor.push"

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"bytes": _FIELD.TYPE_BYTES, "int64": _FIELD.TYPE_INT64, "int32": _FIELD.TYPE_INT32}

# message → (field, type, number, repeated)
MESSAGES: dict[str, tuple[tuple[str, str, int, bool], ...]] = {
    "Timestamp": (("seconds", "int64", 1, False), ("nanos", "int32", 2, False)),
    "LabelPair": (("name", "bytes", 1, False), ("value", "bytes", 2, False)),
    "Entry": (
        ("timestamp", "Timestamp", 1, False),
        ("line", "bytes", 2, False),
        ("metadata", "LabelPair", 3, True),
    ),
    "Stream": (("labels", "bytes", 1, False), ("entries", "Entry", 2, True)),
    "PushRequest": (("streams", "Stream", 1, True),),
}


def build_file() -> descriptor_pb2.FileDescriptorProto:
    """The file descriptor of MESSAGES."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto3")
    for message_name, fields in MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for name, kind, number, repeated in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            field = message.field.add(name=name, number=number, label=label)
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    return file


@cache
def push_handler() -> Any:
    """Ptars's handler of PushRequest: list_to_record_batch([body]) → a batch of one row."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(build_file().SerializeToString())
    message = pool.FindMessageTypeByName(f"{PACKAGE}.PushRequest")
    return ptars.HandlerPool([message.file]).get_for_message(message)
