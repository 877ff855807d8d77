from pathlib import Path

import pytest

from opsconductor.logs.config import Limits, LogsConfig, load_config, parse_config
from opsconductor.logs.settings import LIMITS, MEANINGLESS, ROLE
from opsconductor.model.errors import ConfigError

SECOND = 1_000_000_000


def test_defaults_are_the_originals():
    config = parse_config("", "loki.yml")
    assert config.auth_enabled
    assert config.retention_ns == 0
    assert config.limits.max_line_size == 256 * 1024
    assert config.limits.reject_old_samples_max_age == 7 * 86400 * SECOND
    assert config.limits.creation_grace_period == 600 * SECOND
    assert config.limits.max_label_names_per_series == 15
    assert config.limits.ingestion_rate_mb == 4 << 20
    assert config.limits.query_timeout == 60 * SECOND
    assert config.warnings == ()


def test_every_setting_has_a_field_and_every_field_a_setting():
    assert {setting.field for setting in LIMITS} == set(Limits.__annotations__)
    assert {setting.field for setting in ROLE} == set(LogsConfig.__annotations__) - {"limits", "warnings"}
    assert all(setting.help for setting in (*LIMITS, *ROLE))


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ("auth_enabled: false", lambda c: c.auth_enabled, False),
        ("common: {path_prefix: /var/loki}", lambda c: c.path_prefix, Path("/var/loki")),
        ("limits_config:\n  max_line_size: 1KB", lambda c: c.limits.max_line_size, 1024),
        ("limits_config:\n  max_line_size: 2048", lambda c: c.limits.max_line_size, 2048),
        ("limits_config:\n  max_line_size: 1.5MiB", lambda c: c.limits.max_line_size, 1536 * 1024),
        ("limits_config:\n  ingestion_rate_mb: 0.5", lambda c: c.limits.ingestion_rate_mb, 512 * 1024),
        ("limits_config:\n  query_timeout: 1m30s", lambda c: c.limits.query_timeout, 90 * SECOND),
        ("limits_config:\n  reject_old_samples: false", lambda c: c.limits.reject_old_samples, False),
        ("limits_config:\n  max_query_series: 7", lambda c: c.limits.max_query_series, 7),
        ("querier:\n  max_concurrent: 2", lambda c: c.max_concurrent, 2),
        ("server:\n  log_level: warn", lambda c: c.log_level, "warn"),
        ("limits_config:\n# nothing\n", lambda c: c.warnings, ()),
    ],
)
def test_values_are_read(text, read, value):
    assert read(parse_config(text, "loki.yml")) == value


def test_retention_needs_the_compactor_to_apply_it():
    text = "limits_config: {retention_period: 720h}\n"
    assert parse_config(text, "loki.yml").retention_ns == 0
    text += "compactor: {retention_enabled: true}\n"
    assert parse_config(text, "loki.yml").retention_ns == 30 * 86400 * SECOND


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("auth_enabled: maybe", r'auth_enabled: "maybe" is not true or false; .*\(loki.yml:1\)'),
        ("a: 1\nlimits_config:\n  max_line_size: big", r'"big" is not a size.*max_line_size: 256KB` \(loki.yml:3\)'),
        ("limits_config:\n  query_timeout: 1 fortnight", r"is not a duration; write one, such as .*loki.yml:2"),
        ("limits_config:\n  query_timeout: -1m", r'"-1m" is not a duration'),
        ("limits_config:\n  ingestion_rate_mb: inf", r'"inf" is not a number'),
        (
            "limits_config:\n  max_query_series: [1]",
            r"it takes one value, such as `max_query_series: 500` \(loki.yml:2\)",
        ),
        ("limits_config:\n  max_line_size: 1KMB", r"is not a size"),
        ("server: {log_level: loud}", r'"loud" is not a level'),
        ("auth_enabled: true\nauth_enabled: false", r"auth_enabled: it stands twice.*loki.yml:2"),
        ("auth_enabled: [", r"cannot read YAML: .*loki.yml:1"),
        ("common:\n\tpath_prefix: /loki", r"cannot read YAML: .*loki.yml:2"),
        ("just text", r"it must hold keys, .*loki.yml:1"),
        ("limits_config: 5", None),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, message):
    if message is None:
        assert "limits_config" in parse_config(text, "loki.yml").warnings[0]
        return
    with pytest.raises(ConfigError, match=message):
        parse_config(text, "loki.yml")


def test_what_is_not_supported_is_a_warning_that_names_the_key():
    text = "limits_config:\n  max_line_size: 1KB\n  volume_enabled: true\nbloom_build:\n  enabled: true\n"
    assert parse_config(text, "loki.yml").warnings == (
        "limits_config.volume_enabled is not supported and ignored (loki.yml:3)",
        "bloom_build is not supported and ignored (loki.yml:4)",
    )


def test_keys_that_decide_nothing_here_are_taken_in_silence():
    text = "schema_config: {configs: []}\ncommon: {ring: {kvstore: {store: inmemory}}, replication_factor: 1}\n"
    text += "limits_config: {discover_service_name: [], discover_log_levels: false}\n"
    assert parse_config(text, "loki.yml").warnings == ()
    assert parse_config("limits_config: {discover_log_levels: true}", "loki.yml").warnings != ()


def test_every_key_that_decides_nothing_says_why():
    assert all(MEANINGLESS.values())
    assert not set(MEANINGLESS) & {setting.name for setting in (*LIMITS, *ROLE)}


def test_a_missing_file_says_what_to_pass(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none.yml: .*No such file.*--config FILE"):
        load_config(tmp_path / "none.yml")


def test_the_shipped_file_is_read_without_a_warning():
    config = load_config(Path(__file__).parents[3] / "config/loki.yml")
    assert not config.auth_enabled
    assert config.retention_ns == 30 * 86400 * SECOND
    assert config.limits.ingestion_rate_mb == 64 << 20
    assert config.warnings == ()
