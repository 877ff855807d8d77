"""Settings are data: docs/settings.md says of each its name, default and meaning, and no process reads another."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from architecture import settings_document

ROOT = Path(__file__).parents[2]
SOURCES = [
    path for folder in ("telemetry", "services/*", "observability") for path in ROOT.glob(f"{folder}/src/**/*.py")
]
FOREIGN = {
    "PATH": "the system's",
    "HOME": "the system's",
    "NO_PROXY": "passed on to children",
    "no_proxy": "passed on to children",
}
"""Variables that are no settings of ours, and whose they are."""


def test_the_document_is_what_the_tables_say() -> None:
    shown = settings_document.DOCUMENT.read_text(encoding="utf-8")
    assert shown == settings_document.render(), "run `python tests/architecture/settings_document.py`"


def list_names_read(path: Path) -> Iterator[str]:
    """Names that a module takes from os.environ: literals, or its module's constants."""
    for node in ast.walk(ast.parse(path.read_text())):
        key = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"os.environ.get", "os.getenv"}:
            key = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            key = node.slice
        if key is not None:
            yield find_text(path, key)


def find_text(path: Path, key: ast.expr) -> str:
    """ "" for what only a running program knows, such as ${NAME} in a configuration file."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    module = importlib.import_module(".".join(path.relative_to(find_src(path)).with_suffix("").parts))
    value = module
    for part in ast.unparse(key).split("."):
        value = getattr(value, part, None)
    return value if isinstance(value, str) else ""


def find_src(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.name == "src")


def test_every_variable_that_is_read_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", settings_document.DOCUMENT.read_text(), re.MULTILINE))
    read = {name for path in SOURCES for name in list_names_read(path) if name}
    assert {"LOG_LEVEL", "OPSCONDUCTOR_HOME", "PORT_OFFSET"} <= read
    assert read - documented - set(FOREIGN) == set()


def test_every_table_has_words_and_no_name_twice() -> None:
    for section in re.split(r"^##+ ", settings_document.render(), flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| `([^`]+)` \|(?:[^|]*\|)? (.*) \|$", section, re.MULTILINE)
        names = [name for name, _ in rows]
        assert len(set(names)) == len(names), section.splitlines()[0]
        assert all(words.strip() for _, words in rows), section.splitlines()[0]
