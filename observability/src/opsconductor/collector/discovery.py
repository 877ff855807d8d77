"""Paths that a target's globs name. Spec: doublestar globs of Promtail's __path__ and __path_exclude__."""

import glob
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from opsconductor.collector.config import Target

_BRACES = re.compile(r"\{([^{}]*)\}")


def find_paths(targets: Iterable[Target]) -> Iterator[tuple[str, Target]]:
    """Each existing path once, with the first target that names it, in order."""
    met: set[str] = set()
    for target in targets:
        excluded = set(_expand(target.exclude)) if target.exclude else set()
        for path in sorted(set(_expand(target.path)) - excluded):
            if path not in met:
                met.add(path)
                yield path, target


def _expand(pattern: str) -> Iterator[str]:
    for alternative in split_braces(pattern):
        yield from glob.iglob(alternative, recursive=True, include_hidden=True)  # noqa: PTH207 - takes "**.log" too


@lru_cache(maxsize=256)
def split_braces(pattern: str) -> tuple[str, ...]:
    """The patterns that a{b,c} stands for."""
    match = _BRACES.search(pattern)
    if match is None:
        return (pattern.replace("[^", "[!"),)
    before, after = pattern[: match.start()], pattern[match.end() :]
    return tuple(text for part in match[1].split(",") for text in split_braces(before + part + after))
