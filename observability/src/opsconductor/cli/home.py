"""The home folder: everything that a running OpsConductor keeps, and nothing outside it.

run/            state, lock and last words of each supervisor
secrets/        generated passwords (folder 0700, files 0600)
var/log/opsconductor/<box>/<box>.log
var/lib/        postgres, redis, nginx, promtail
loki/           the logs role's data
etc/            links to the configuration folder, so that paths of configuration files resolve
"""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from opsconductor.model.errors import ConfigError, OpsConductorError
from opsconductor.model.paths import ENVIRONMENT

DEFAULT = ".opsconductor"
CONFIG_ENVIRONMENT = "OPSCONDUCTOR_CONFIG"
FRESH_BYTES = 256 * 1024 * 1024
"""What a fresh home needs to begin: a PostgreSQL database is 50 MB, its first WAL as much."""

CONFIG_LINKS = {
    "etc/promtail": ".",
    "etc/loki": ".",
    "etc/prometheus": ".",
    "etc/alertmanager": ".",
    "etc/nginx": "nginx",
    "etc/grafana": "grafana",
    "var/lib/grafana/dashboards": "dashboards",
}
"""Path below the home → path below the configuration folder: the originals' install paths."""


class HomeError(OpsConductorError):
    """The home folder cannot be used."""


@dataclass(frozen=True)
class Home:
    """Paths below one home. root: absolute, links resolved."""

    root: Path

    @property
    def run(self) -> Path:
        """State of the supervisors."""
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        """Generated passwords."""
        return self.root / "secrets"

    @property
    def state(self) -> Path:
        """Data of the servers."""
        return self.root / "var/lib"

    @property
    def logs(self) -> Path:
        """A folder a box."""
        return self.root / "var/log/opsconductor"

    def log_file(self, box: str) -> Path:
        """The file that the box's output goes to."""
        return self.logs / box / f"{box}.log"

    def lock(self, cluster: str) -> Path:
        """Held by the cluster's supervisor as long as it lives."""
        return self.run / f"{cluster}.lock"

    def state_file(self, cluster: str) -> Path:
        """What the cluster's supervisor says about its boxes."""
        return self.run / f"{cluster}.json"

    def last_words(self, cluster: str) -> Path:
        """What the cluster's supervisor said on its way out."""
        return self.run / f"{cluster}.err"

    def folders(self) -> list[Path]:
        """What must exist before a supervisor starts."""
        return [self.run, self.secrets, self.logs, self.state, self.state / "promtail", self.root / "loki"]


def locate_home(option: Path | None) -> Home:
    """--home, else OPSCONDUCTOR_HOME, else .opsconductor in the current folder."""
    chosen = option or Path(os.environ.get(ENVIRONMENT) or DEFAULT)
    return Home(chosen.expanduser().resolve())


def prepare_home(home: Home) -> None:
    """Make what is missing, for this user alone, and try to write; HomeError says why it cannot be used."""
    try:
        is_fresh = not home.run.is_dir()
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_fresh:
            _check_space(home)
        for folder in home.folders():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home.run / f"probe-{os.getpid()}"
        probe.write_bytes(b"\0" * 65536)
        probe.unlink()
    except OSError as error:
        what = "free space on that disk" if error.errno == errno.ENOSPC else "make it writable for this user"
        raise HomeError(
            f"cannot write the home folder {home.root}: {error.strerror}; {what}, or choose another with --home DIR"
        ) from error


def _check_space(home: Home) -> None:
    free = shutil.disk_usage(home.root).free
    if free < FRESH_BYTES:
        raise HomeError(
            f"cannot start in {home.root}: {free >> 20} MiB are free on its disk, {FRESH_BYTES >> 20} MiB are needed;"
            " free space, or choose another with --home DIR"
        )


def find_config(option: Path | None) -> Path:
    """The configuration folder: --config, OPSCONDUCTOR_CONFIG, else config/ of the checkout around us."""
    chosen = option or (Path(text) if (text := os.environ.get(CONFIG_ENVIRONMENT)) else None)
    if chosen is not None:
        if not (chosen / "promtail.yml").is_file():
            raise ConfigError(f"cannot use {chosen} as configuration folder: it holds no promtail.yml; see --config")
        return chosen.resolve()
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "config" / "promtail.yml").is_file():
                return (folder / "config").resolve()
    raise ConfigError(
        f"cannot find the configuration folder: no config/promtail.yml above {Path.cwd()} or the installed package;"
        " name it with --config DIR"
    )


def link_config(home: Home, config: Path) -> None:
    """Let absolute paths of configuration files, such as /etc/prometheus/rules, resolve below the home."""
    for inside, target in CONFIG_LINKS.items():
        link = home.root / inside
        wanted = (config / target).resolve()
        link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if link.is_symlink() and link.readlink() != wanted:
            link.unlink()
        if not link.is_symlink() and not link.exists():
            link.symlink_to(wanted)
