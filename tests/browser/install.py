"""Installs what browser tests need from npm; called by `make install`: python install.py.

Nothing else needs it: without npm, or when the packages cannot be had, this says so, and the tests skip.
"""

import shutil
import subprocess
import sys

from chromium import FOLDER, UNPACKED, find_on_path

OLDEST_NODE = 20


def read_node_version(node: str) -> int:
    """The major version, 0 when it cannot be told."""
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(version.removeprefix("v").partition(".")[0] or 0)


def install() -> str | None:
    """Why it could not be done; None when it is."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm or read_node_version(node) < OLDEST_NODE:
        return f"node {OLDEST_NODE} or newer and npm are not on PATH"
    has_own = find_on_path() is not None
    fetch = [npm, "ci", "--silent", "--ignore-scripts", *(["--omit=optional"] if has_own else [])]
    unpack = [node, str(FOLDER / "unpack.mjs"), str(UNPACKED)]
    for command in [fetch] if has_own else [fetch, unpack]:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{' '.join(command)}: {done.stderr.strip() or done.returncode}"
    return None


if __name__ == "__main__":
    problem = install()
    if problem:
        sys.stderr.write(f"cannot install what browser tests need, they will skip: {problem}\n")
        sys.exit(1)
