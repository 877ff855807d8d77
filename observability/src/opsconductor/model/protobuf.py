"""Protobuf messages described in code: no compiler, no generated files, and only the fields that we read.

A description is {message: ((field, type, number, repeated), …)}. Unknown fields are skipped by decoders. Declaring
text as bytes keeps one byte that is not UTF-8 from refusing a whole request. The fields of a message named in
`oneofs` are alternatives: each tells whether it was set, and is null in columns where it was not.
"""

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    name: getattr(_FIELD, f"TYPE_{name.upper()}")
    for name in (
        "bytes",
        "string",
        "bool",
        "double",
        "float",
        "int32",
        "int64",
        "uint32",
        "uint64",
        "fixed32",
        "fixed64",
        "sfixed64",
        "sint32",
        "sint64",
    )
}

Fields = tuple[tuple[str, str, int, bool], ...]


def build_pool(package: str, messages: Mapping[str, Fields], oneofs: Collection[str] = ()) -> Any:
    """A descriptor pool that holds the messages under `package`."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for message_name, fields in messages.items():
        message = file.message_type.add(name=message_name)
        if message_name in oneofs:
            message.oneof_decl.add(name="choice")
        for name, kind, number, repeated in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            field = message.field.add(name=name, number=number, label=label)
            if message_name in oneofs:
                field.oneof_index = 0
            if kind in SCALARS:
                field.type = SCALARS[kind]
            else:
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def message_class(pool: Any, package: str, name: str) -> Any:
    """The Python class of a message, for what is read or written field by field."""
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def columns_handler(pool: Any, package: str, name: str) -> Any:
    """A decoder straight into Arrow: handler.list_to_record_batch([body]) → a batch of one row a body."""
    import ptars

    message = pool.FindMessageTypeByName(f"{package}.{name}")
    return ptars.HandlerPool([message.file]).get_for_message(message)
