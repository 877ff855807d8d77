"""The business side holds no observability code and names no product of it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUSINESS = [
    path for name in ("auth", "backend", "frontend") for path in (ROOT / f"services/{name}/src").rglob("*.py")
]


def list_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_services_know_telemetry_only() -> None:
    assert {str(path) for path in BUSINESS if "opsconductor" in list_imports(path)} == set()


def test_services_write_through_telemetry_only() -> None:
    calls = [
        str(path)
        for path in BUSINESS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []
