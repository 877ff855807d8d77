"""The style budgets of CONTRIBUTING.md, held for every file that is shipped."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in (
        "telemetry/src",
        "services/auth/src",
        "services/backend/src",
        "services/frontend/src",
        "observability/src",
    )
    for path in (ROOT / folder).rglob("*.py")
    if "versions" not in path.parts
)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
PRODUCTS = ("loki", "promtail", "prometheus", "grafana", "jaeger", "alertmanager")


def percentile_90(values: list[int]) -> int:
    return sorted(values)[int(len(values) * 0.9)]


def list_functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text())
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_files_are_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert {str(path): length for path, length in lengths.items() if length > 500} == {}
    assert percentile_90(list(lengths.values())) <= 400


def test_functions_are_small() -> None:
    functions = [function for path in SOURCES for function in list_functions(path)]
    assert [function for function in functions if function[1] > 70] == []
    assert percentile_90([length for _, length in functions]) <= 30


def test_folders_are_shallow() -> None:
    deep = [path for path in SOURCES if len(path.parts) - path.parts.index("src") - 2 > 3]
    assert deep == []


def test_names_say_what_is_inside() -> None:
    assert [path for path in SOURCES if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_product_name_is_an_identifier(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {path.stem}
    assert [name for name in names if any(product in name.lower() for product in PRODUCTS)] == []
