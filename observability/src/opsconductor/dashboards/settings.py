"""Settings of the role that its provisioning folder does not hold: environment variables, under Grafana's names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from opsconductor.model.errors import ConfigError

PASSWORD_FILE: Final = "GF_SECURITY_ADMIN_PASSWORD__FILE"  # noqa: S105 - the name of a setting
TIMEOUT: Final = "GF_DATAPROXY_TIMEOUT"
STATIC: Final = "GF_SERVER_STATIC_ROOT_PATH"
BUILT: Final = Path(__file__).resolve().parent / "static"


class Setting(NamedTuple):
    """A variable's name, its default and what it means."""

    name: str
    default: str
    help: str


SETTINGS = (
    Setting(
        PASSWORD_FILE,
        "",
        "file that holds the password of the user `admin`; made, with a random one, where it does not exist;"
        " empty: `admin-password` in the role's data folder",
    ),
    Setting(TIMEOUT, "30", "seconds that a data source may take to answer, and between two parts of its answer"),
    Setting(STATIC, "", "folder of the UI's files; empty: those that were built into the package"),
)


@dataclass(frozen=True)
class Settings:
    """The values; password_file None stands for the one in the data folder."""

    password_file: Path | None
    timeout_s: float
    static: Path


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of the environment. Raises ConfigError that names the variable."""
    values = {setting.name: environment.get(setting.name) or setting.default for setting in SETTINGS}
    text = values[TIMEOUT]
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 3600:
        raise ConfigError(f'cannot use {TIMEOUT}="{text}": write whole seconds from 1 to 3600', TIMEOUT)
    password = values[PASSWORD_FILE]
    static = Path(values[STATIC]).resolve() if values[STATIC] else BUILT
    return Settings(Path(password) if password else None, float(text), static)
