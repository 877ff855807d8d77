"""The original's configuration file: what is followed, what is named in a warning, what is wrong."""

from pathlib import Path

import pytest

from opsconductor.model.errors import ConfigError
from opsconductor.traces.config import load_config

SHIPPED = Path(__file__).parents[3] / "config" / "jaeger.yml"


def load(folder, text):
    (folder / "jaeger.yml").write_text(text)
    return load_config(folder / "jaeger.yml")


def test_the_shipped_file(monkeypatch, tmp_path):
    monkeypatch.setenv("OPSCONDUCTOR_HOME", str(tmp_path))
    config = load_config(SHIPPED)
    assert config.retention_ns == 168 * 3600 * 10**9
    assert config.data == tmp_path / "badger"
    assert (config.http_limit, config.grpc_limit, config.log_level) == (20 << 20, 4 << 20, "info")
    ignored = {warning.partition(" is not supported and ignored (")[0] for warning in config.warnings}
    assert {"receivers.zipkin", "extensions.jaeger_query.grpc"} <= ignored
    assert not any("badger" in path or "otlp" in path for path in ignored)


def test_limits_and_defaults(tmp_path):
    text = """\
receivers:
  otlp:
    protocols:
      http: {max_request_body_size: 1MiB}
      grpc: {max_recv_msg_size_mib: 2}
"""
    config = load(tmp_path, text)
    assert (config.http_limit, config.grpc_limit) == (1 << 20, 2 << 20)
    assert config.retention_ns == 72 * 3600 * 10**9
    assert config.warnings == ()


def test_the_store_that_queries_read_counts(tmp_path):
    text = """\
extensions:
  jaeger_query: {storage: {traces: second}}
  jaeger_storage:
    backends:
      first: {badger: {ttl: {spans: 1h}}}
      second: {badger: {ttl: {spans: 2h}, directories: {keys: /a/b/keys, values: /a/b/values}}}
"""
    config = load(tmp_path, text)
    assert config.retention_ns == 2 * 3600 * 10**9
    assert config.data == Path("/a/b")
    assert [warning.split()[0] for warning in config.warnings] == ["extensions.jaeger_storage.backends.first"]


def test_another_kind_of_store_is_named(tmp_path):
    text = "extensions: {jaeger_storage: {backends: {x: {elasticsearch: {servers: [a]}}}}}\n"
    (warning,) = load(tmp_path, text).warnings
    assert warning.startswith("extensions.jaeger_storage.backends.x.elasticsearch is not supported and ignored (")
    assert warning.endswith("jaeger.yml:1)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extensions: [\n", "cannot read YAML"),
        ("extensions: {jaeger_storage: {backends: {x: {badger: {ttl: {spans: soon}}}}}}\n", "spans"),
        ("service: {telemetry: {logs: {level: loud}}}\n", '"loud" is not a level'),
        ("receivers: {otlp: {protocols: {grpc: {max_recv_msg_size_mib: x}}}}\n", "is not a whole number"),
        ("receivers: [otlp]\n", "write keys here"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, text)
    assert "jaeger.yml:" in str(caught.value)
