"""loki.yml: which keys we follow, which we only name in a warning, and where a wrong value stands."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from opsconductor.logs.settings import AS_WE_DO, LEVELS, LIMITS, MEANINGLESS, ROLE, SETTINGS, Setting
from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import ConfigError, InputError
from opsconductor.model.paths import map_path

DEFAULT_FILE = Path("config/loki.yml")

_SIZES = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}

Value = int | bool | str | Path


@dataclass(frozen=True)
class Limits:
    """limits_config: sizes in bytes, durations in ns, rates in bytes a second; `settings.LIMITS` describes each."""

    ingestion_rate_mb: int
    ingestion_burst_size_mb: int
    max_line_size: int
    max_line_size_truncate: bool
    max_label_name_length: int
    max_label_value_length: int
    max_label_names_per_series: int
    max_structured_metadata_size: int
    max_structured_metadata_entries_count: int
    reject_old_samples: bool
    reject_old_samples_max_age: int
    creation_grace_period: int
    max_entries_limit_per_query: int
    max_query_series: int
    max_query_length: int
    query_timeout: int
    max_concurrent_tail_requests: int
    retention_period: int


@dataclass(frozen=True)
class LogsConfig:
    """What loki.yml asks of this role. `warnings` name the keys that are not followed."""

    auth_enabled: bool
    path_prefix: Path
    retention_enabled: bool
    max_recv_msg_size: int
    max_outstanding_per_tenant: int
    log_level: str
    max_concurrent: int
    limits: Limits
    warnings: tuple[str, ...]

    @property
    def retention_ns(self) -> int:
        """Age at which entries are deleted; 0 = never."""
        return self.limits.retention_period if self.retention_enabled else 0


def load_config(path: Path) -> LogsConfig:
    """Read loki.yml. Raises ConfigError with FILE:LINE and what to write instead."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}; pass --config FILE") from error
    return parse_config(text, str(path))


def parse_config(text: str, name: str) -> LogsConfig:
    """The configuration in a file's text; `name` is what errors call the file. Raises ConfigError."""
    values: dict[str, Value] = {setting.name: _convert(setting, setting.default) for setting in SETTINGS.values()}
    warnings = []
    for key, (node, line) in _flatten(_compose(text, name), "", name).items():
        where = f"{name}:{line}"
        setting = SETTINGS.get(key)
        if setting is not None:
            values[key] = _read(setting, node, where)
        elif not _is_meaningless(key) and AS_WE_DO.get(key) != text[node.start_mark.index : node.end_mark.index]:
            warnings.append(f"{key} is not supported and ignored ({where})")
    limits = Limits(**{setting.field: values[setting.name] for setting in LIMITS})  # type: ignore[arg-type]
    role = {setting.field: values[setting.name] for setting in ROLE}
    return LogsConfig(**role, limits=limits, warnings=tuple(warnings))  # type: ignore[arg-type]


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"cannot read YAML: {error.problem}; check the indentation", f"{name}:{line}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot read YAML: {error}", name) from error


def _flatten(node: yaml.Node | None, prefix: str, name: str) -> dict[str, tuple[yaml.Node, int]]:
    """Path of each key → its value's node and line; a list is one value."""
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        where = f"{name}:{node.start_mark.line + 1}"
        raise ConfigError("cannot read the configuration: it must hold keys, such as `auth_enabled: false`", where)
    found: dict[str, tuple[yaml.Node, int]] = {}
    seen = set()
    for key_node, value in node.value:
        key, line = f"{prefix}{key_node.value}", key_node.start_mark.line + 1
        if key in seen:
            raise ConfigError(f"cannot read {key}: it stands twice; remove one", f"{name}:{line}")
        seen.add(key)
        if isinstance(value, yaml.MappingNode) and _is_section(key):
            found |= _flatten(value, f"{key}.", name)
        elif not _is_section(key) or not _is_empty(value):
            found[key] = (value, line)
    return found


def _is_section(key: str) -> bool:
    """Whether keys below this one are told apart; an unknown section is one warning."""
    return any(name.startswith(f"{key}.") for name in (*SETTINGS, *MEANINGLESS, *AS_WE_DO))


def _is_meaningless(key: str) -> bool:
    return any(key == known or key.startswith(f"{known}.") for known in MEANINGLESS)


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _read(setting: Setting, node: yaml.Node, where: str) -> Value:
    example = f"such as `{setting.name.rpartition('.')[2]}: {setting.default}`"
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"cannot read {setting.name}: it takes one value, {example}", where)
    try:
        return _convert(setting, str(node.value).strip())
    except (ValueError, OverflowError, KeyError, InputError) as error:
        kind = {
            "bool": "true or false",
            "int": "a whole number",
            "mb": "a number",
            "bytes": "a size",
            "level": "a level",
        }.get(setting.kind, f"a {setting.kind}")
        message = f'cannot read {setting.name}: "{node.value}" is not {kind}; write one, {example}'
        raise ConfigError(message, where) from error


def _convert(setting: Setting, text: str) -> Value:
    if setting.kind == "path":
        return map_path(text)
    if setting.kind == "level":
        return text if text in LEVELS else _refuse(text)
    if setting.kind == "bool":
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refuse(text)
    number = _convert_number(setting, text)
    return number if number >= 0 else _refuse(text)


def _convert_number(setting: Setting, text: str) -> int:
    if setting.kind == "duration":
        return parse_duration(text)
    if setting.kind == "int":
        return int(text)
    if setting.kind == "mb":
        return int(float(text) * (1 << 20))
    digits = text.rstrip("KMGIBkmgib ")
    return int(float(digits) * _SIZES[text[len(digits) :].strip().upper()]) if digits else _refuse(text)


def _refuse(text: str) -> int:
    raise ValueError(text)
