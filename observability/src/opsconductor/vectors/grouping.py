"""Which series belong together: by or without label names, shared by both query languages."""

from collections.abc import Sequence

import numpy as np

from opsconductor.model.labels import Labels
from opsconductor.vectors.block import Indices

METRIC_NAME = "__name__"


def keep_labels(labels: Labels, names: frozenset[str]) -> Labels:
    """The labels of these names."""
    return tuple(pair for pair in labels if pair[0] in names)


def drop_labels(labels: Labels, names: frozenset[str]) -> Labels:
    """The labels but those of these names."""
    return tuple(pair for pair in labels if pair[0] not in names)


def group_series(
    labels: Sequence[Labels], names: Sequence[str], *, without: bool
) -> tuple[tuple[Labels, ...], Indices]:
    """The groups' label sets in order of first appearance, and for each series the index of its group.

    `without` also drops the metric name. Spec: Prometheus querying/operators "Aggregation operators".
    """
    keys = frozenset(names) | {METRIC_NAME} if without else frozenset(names)
    reduce = drop_labels if without else keep_labels
    groups: dict[Labels, int] = {}
    index = [groups.setdefault(reduce(one, keys), len(groups)) for one in labels]
    return tuple(groups), np.asarray(index, dtype=np.int64)
