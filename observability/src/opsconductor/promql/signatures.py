"""What functions take and give, and which aggregators there are."""

from dataclasses import dataclass

from opsconductor.promql.syntax import Kind

SCALAR, STRING, INSTANT, RANGE = Kind.SCALAR, Kind.STRING, Kind.INSTANT, Kind.RANGE


@dataclass(frozen=True)
class Signature:
    """takes: kinds of the arguments; optional: how many at the end may be left out; gives: the result's kind."""

    takes: tuple[Kind, ...]
    gives: Kind = INSTANT
    optional: int = 0


FUNCTIONS: dict[str, Signature] = {
    **dict.fromkeys(
        ("rate", "increase", "delta", "irate", "idelta", "resets", "changes", "deriv"), Signature((RANGE,))
    ),
    **{
        f"{name}_over_time": Signature((RANGE,))
        for name in ("avg", "sum", "min", "max", "count", "last", "present", "stddev", "stdvar", "absent")
    },
    "quantile_over_time": Signature((SCALAR, RANGE)),
    "histogram_quantile": Signature((SCALAR, INSTANT)),
    **dict.fromkeys(
        (
            "abs",
            "ceil",
            "exp",
            "floor",
            "ln",
            "log2",
            "log10",
            "sqrt",
            "sgn",
            "absent",
            "sort",
            "sort_desc",
            "timestamp",
        ),
        Signature((INSTANT,)),
    ),
    "round": Signature((INSTANT, SCALAR), optional=1),
    "clamp": Signature((INSTANT, SCALAR, SCALAR)),
    "clamp_min": Signature((INSTANT, SCALAR)),
    "clamp_max": Signature((INSTANT, SCALAR)),
    "label_replace": Signature((INSTANT, STRING, STRING, STRING, STRING)),
    "scalar": Signature((INSTANT,), SCALAR),
    "vector": Signature((SCALAR,)),
    "time": Signature((), SCALAR),
}
"""Those of Prometheus 3 that are computed here; every other name is refused by the parser."""

AGGREGATORS = frozenset(
    ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile")
)
WITH_PARAMETER = frozenset(("topk", "bottomk", "quantile"))
