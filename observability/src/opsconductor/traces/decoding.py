"""A request's protobuf body as columns, one row a span. Runs in a worker thread; no Python per span.

Spec: OTLP 1.x, ExportTraceServiceRequest. Missing names are filled in as the original does before it stores.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opsconductor.model.errors import InputError
from opsconductor.traces.messages import request_handler
from opsconductor.traces.table import EVENTS_TYPE, KINDS, LINKS_TYPE, STRING
from opsconductor.traces.values import Offsets, convert_attributes, join_lists, repair_text, split_lists

MISSING_SERVICE = "missing-service-name"
EMPTY_SERVICE = "empty-service-name"
WRONG_SERVICE = "service-name-wrong-type"
EMPTY_OPERATION = "empty-span-name"
SERVICE_KEY = "service.name"

MAX_TIME_NS = (1 << 63) - 1


@dataclass(frozen=True)
class DecodedSpans:
    """The columns of a request, each of one value a span.

    start, end: uint64 ns, as sent; service, operation: dictionary-encoded text; kind: index into KINDS; columns:
    those of the table that need no check.
    """

    trace_id: pa.BinaryArray
    span_id: pa.BinaryArray
    start: npt.NDArray[np.uint64]
    end: npt.NDArray[np.uint64]
    service: pa.DictionaryArray
    operation: pa.DictionaryArray
    kind: npt.NDArray[np.int64]
    columns: dict[str, pa.Array]

    def __len__(self) -> int:
        return len(self.trace_id)


def decode_request(body: bytes) -> DecodedSpans:
    """Columns of a request. Raises InputError where the wire format is broken."""
    try:
        batch = request_handler().list_to_record_batch([body])
    except (ValueError, pa.ArrowException) as error:
        raise InputError(f"cannot read the spans: {error}; send an ExportTraceServiceRequest") from error
    _, resources = split_lists(batch.column("resource_spans"))
    scope_offsets, scopes = split_lists(pc.struct_field(resources, "scope_spans"))
    span_offsets, spans = split_lists(pc.struct_field(scopes, "spans"))
    scope_of = _parents(span_offsets)
    resource_of = _parents(scope_offsets)[scope_of]
    resource = convert_attributes(pc.struct_field(resources, ["resource", "attributes"]))
    kind = pc.struct_field(spans, "kind").to_numpy()
    return DecodedSpans(
        trace_id=pc.struct_field(spans, "trace_id"),
        span_id=pc.struct_field(spans, "span_id"),
        start=pc.struct_field(spans, "start_time_unix_nano").to_numpy(),
        end=pc.struct_field(spans, "end_time_unix_nano").to_numpy(),
        service=_name_services(resource).take(pa.array(resource_of)).dictionary_encode(),
        operation=_name_operations(pc.struct_field(spans, "name")),
        kind=np.where((kind < 0) | (kind >= len(KINDS)), 0, kind).astype(np.int64),
        columns={
            **_convert_spans(spans),
            "resource": resource.take(pa.array(resource_of)),
            **_convert_scopes(scopes, pa.array(scope_of)),
        },
    )


def _parents(offsets: Offsets) -> npt.NDArray[np.int64]:
    """For each value of a list column the number of its list."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _name_services(resource: pa.ListArray) -> pa.StringArray:
    """The service of each resource."""
    offsets, items = split_lists(resource)
    names = np.full(len(resource), MISSING_SERVICE, dtype=object)
    found = np.flatnonzero(pc.equal(pc.struct_field(items, "key"), SERVICE_KEY).to_numpy(zero_copy_only=False))
    owners = np.searchsorted(offsets, found, side="right") - 1
    for owner, item in zip(owners, items.take(pa.array(found)).to_pylist(), strict=True):
        names[owner] = (item["value"] or EMPTY_SERVICE) if item["type"] == STRING else WRONG_SERVICE
    return pa.array(names, pa.string())


def _name_operations(names: pa.BinaryArray) -> pa.DictionaryArray:
    encoded = names.dictionary_encode()
    texts = repair_text(encoded.dictionary)
    return pa.DictionaryArray.from_arrays(
        encoded.indices, pc.if_else(pc.equal(texts, ""), EMPTY_OPERATION, texts), safe=False
    )


def _convert_spans(spans: pa.StructArray) -> dict[str, pa.Array]:
    status = pc.fill_null(pc.struct_field(spans, ["status", "code"]), 0).to_numpy()
    return {
        "parent_span_id": pc.struct_field(spans, "parent_span_id"),
        "status": pa.array(np.where((status < 0) | (status > 2), 0, status), pa.int8()),
        "status_message": pc.fill_null(repair_text(pc.struct_field(spans, ["status", "message"])), ""),
        "flags": pc.struct_field(spans, "flags"),
        "trace_state": repair_text(pc.struct_field(spans, "trace_state")),
        "attributes": convert_attributes(pc.struct_field(spans, "attributes")),
        "events": _convert_events(pc.struct_field(spans, "events")),
        "links": _convert_links(pc.struct_field(spans, "links")),
        "dropped_attributes": pc.struct_field(spans, "dropped_attributes_count"),
        "dropped_events": pc.struct_field(spans, "dropped_events_count"),
        "dropped_links": pc.struct_field(spans, "dropped_links_count"),
    }


def _convert_scopes(scopes: pa.StructArray, owners: pa.Array) -> dict[str, pa.Array]:
    return {
        "scope_name": _fill_scope(scopes, "name").take(owners),
        "scope_version": _fill_scope(scopes, "version").take(owners),
        "scope_attributes": convert_attributes(pc.struct_field(scopes, ["scope", "attributes"])).take(owners),
    }


def _fill_scope(scopes: pa.StructArray, name: str) -> pa.StringArray:
    return pc.fill_null(repair_text(pc.struct_field(scopes, ["scope", name])), "")


def _convert_events(lists: pa.ListArray) -> pa.ListArray:
    offsets, events = split_lists(lists)
    columns = [
        pa.array(clip_time(pc.struct_field(events, "time_unix_nano").to_numpy())),
        repair_text(pc.struct_field(events, "name")),
        convert_attributes(pc.struct_field(events, "attributes")),
        pc.struct_field(events, "dropped_attributes_count"),
    ]
    return join_lists(offsets, pa.StructArray.from_arrays(columns, fields=list(EVENTS_TYPE.value_type)))


def _convert_links(lists: pa.ListArray) -> pa.ListArray:
    offsets, links = split_lists(lists)
    columns = [
        pc.struct_field(links, "trace_id"),
        pc.struct_field(links, "span_id"),
        repair_text(pc.struct_field(links, "trace_state")),
        convert_attributes(pc.struct_field(links, "attributes")),
        pc.struct_field(links, "dropped_attributes_count"),
        pc.struct_field(links, "flags"),
    ]
    return join_lists(offsets, pa.StructArray.from_arrays(columns, fields=list(LINKS_TYPE.value_type)))


def clip_time(times: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Times as int64 ns; what is beyond its range becomes its end."""
    return np.minimum(times, np.uint64(MAX_TIME_NS)).astype(np.int64)
