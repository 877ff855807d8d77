"""Numbers as Go prints them, and the JSON of query results. Spec: Prometheus HTTP API v1."""

import math

import numpy as np
import orjson

from opsconductor.promql.execute import Result, Steps
from opsconductor.vectors.block import Block


def format_value(value: float) -> str:
    """The shortest text that reads back as the value: Go's strconv 'f' inside 1e-6 … 1e21, else 'e'."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    magnitude = abs(value)
    if magnitude and not 1e-6 <= magnitude < 1e21:
        mantissa, _, exponent = text.partition("e")  # repr writes an exponent here
        return f"{mantissa}e{exponent[0]}{exponent[1:].rjust(2, '0')}"
    if "e" in text:
        text = np.format_float_positional(value, trim="-")
    return text.removesuffix(".0")


def encode_result(result: Result, steps: Steps, *, is_range: bool) -> bytes:
    """The "data" object: vector or scalar or string of an instant query, matrix of a range query."""
    times = [_seconds(int(time)) for time in steps.times()]
    if isinstance(result, str):
        return orjson.dumps({"resultType": "string", "result": [times[0], result]})
    if isinstance(result, Block):
        return _encode_block(result, times, is_range=is_range)
    if is_range:
        values = [[time, format_value(value)] for time, value in zip(times, result.tolist(), strict=True)]
        return orjson.dumps({"resultType": "matrix", "result": [{"metric": {}, "values": values}]})
    return orjson.dumps({"resultType": "scalar", "result": [times[0], format_value(float(result[0]))]})


def _encode_block(block: Block, times: list[float | int], *, is_range: bool) -> bytes:
    rows = zip(block.labels, block.values.tolist(), block.present.tolist(), strict=True)
    if not is_range:
        vector = [
            {"metric": dict(labels), "value": [times[0], format_value(values[0])]}
            for labels, values, present in rows
            if present[0]
        ]
        return orjson.dumps({"resultType": "vector", "result": vector})
    matrix = [
        {
            "metric": dict(labels),
            "values": [
                [time, format_value(value)]
                for time, value, there in zip(times, values, present, strict=True)
                if there
            ],
        }
        for labels, values, present in sorted(rows)
    ]
    return orjson.dumps({"resultType": "matrix", "result": matrix})


def _seconds(time_ms: int) -> float | int:
    return time_ms // 1000 if time_ms % 1000 == 0 else time_ms / 1000
