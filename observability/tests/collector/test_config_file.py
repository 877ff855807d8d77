from pathlib import Path

import pytest

from opsconductor.collector.config_file import read_config
from opsconductor.collector.stages.entry import Entry
from opsconductor.model.errors import ConfigError

REPOSITORY = Path(__file__).parents[3]
CLIENT = "clients: [{url: 'http://loki:3100/loki/api/v1/push'}]\n"
JOB = "scrape_configs: [{job_name: a, static_configs: [{labels: {__path__: /var/log/*.log}}]}]\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "promtail.yml"
    path.write_text(text)
    return path


def test_defaults_are_the_originals(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, CLIENT + JOB))
    (client,) = config.clients
    assert (client.batchwait, client.batchsize, client.timeout) == (1.0, 1048576, 10.0)
    assert (client.min_period, client.max_period, config.sync_period) == (0.5, 300.0, 10.0)
    assert (client.key, config.warnings) == ("client-0", ())


def test_a_client_in_full(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    text = f"""
clients:
  - url: https://store:443/push
    name: main
    tenant_id: a
    batchwait: 250ms
    batchsize: 64KB
    headers: {{X-One: two}}
    basic_auth: {{username: u, password_file: {tmp_path}/password}}
    backoff_config: {{min_period: 100ms, max_period: 5s, max_retries: 3}}
    external_labels: {{host: h}}
"""
    config = read_config(write(tmp_path, text + JOB))
    (client,) = config.clients
    assert (client.key, client.tenant_id, client.batchsize, client.max_period) == ("main", "a", 65536, 5.0)
    assert (client.username, client.password, dict(client.headers)) == ("u", "secret", {"X-One": "two"})
    assert "secret" not in repr(client)
    assert (dict(client.external_labels), config.warnings) == ({"host": "h"}, ())


def test_paths_lie_below_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSCONDUCTOR_HOME", str(tmp_path))
    config = read_config(write(tmp_path, CLIENT + JOB))
    assert config.targets[0].path == f"{tmp_path}/var/log/*.log"
    assert config.positions == tmp_path / "var/log/positions.yaml"


def test_what_is_not_done_is_a_warning_that_names_the_key(tmp_path: Path) -> None:
    text = (
        CLIENT.replace("push'}", "push', oauth2: {client_id: a}}")
        + """
server: {http_listen_port: 9080}
limits_config: {readline_rate_enabled: true}
scrape_configs:
  - job_name: a
    relabel_configs: [{action: drop}]
    static_configs: [{labels: {__path__: /var/log/*.log, job: a}}]
  - job_name: b
    journal: {path: /var/log/journal}
not_a_thing: 1
"""
    )
    config = read_config(write(tmp_path, text))
    joined = "\n".join(config.warnings)
    for key in (
        "clients.oauth2",
        "readline_rate_enabled",
        "relabel_configs",
        "journal",
        "not_a_thing",
        "job b has no",
    ):
        assert key in joined
    assert "http_listen_port" not in joined
    assert [target.key for target in config.targets] == ["a/0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (JOB, r"clients is missing"),
        ("clients: [{batchwait: 1s}]\n" + JOB, r"url is missing.*promtail.yml:1"),
        ("clients: [{url: loki}]\n" + JOB, r'"loki" is no address'),
        ("clients: [{url: 'http://a', batchsize: 0}]\n" + JOB, r"more than zero"),
        ("clients: [{url: 'http://a', name: a/b}]\n" + JOB, r"cannot name a folder"),
        ("clients: [{url: 'http://a', name: x}, {url: 'http://b', name: x}]\n" + JOB, r'two clients are called "x"'),
        (CLIENT + "scrape_configs: [{static_configs: [{labels: {a: b}}]}]", r"__path__ is missing.*promtail.yml:2"),
        (CLIENT + "scrape_configs: [{static_configs: [{labels: {__path__: /a, 1x: b}}]}]", r"no label name"),
        (CLIENT + JOB.replace("}]}]", "}], pipeline_stages: [{template: {}}]}]"), r"template is not supported yet"),
    ],
)
def test_what_is_wrong_is_refused_with_the_fix(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(write(tmp_path, text))


def test_the_configuration_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPSCONDUCTOR_HOME", raising=False)
    config = read_config(REPOSITORY / "config" / "promtail.yml")
    assert config.warnings == ()
    target = config.targets[0]
    lines = {
        "auth": ('{"time":"2026-01-02T03:04:05.5Z","level":"warning","service":"auth"}', "business", "warn"),
        "logs": ('{"time":"2026-01-02T03:04:05.5Z","level":"INFO"}', "observability", "info"),
        "postgres": ("2026-01-02 03:04:05.500 UTC [7] FATAL:  no", "business", "critical"),
        "redis": ("7:M 02 Jan 2026 03:04:05.500 # no", "business", "warn"),
        "worker": ("Traceback (most recent call last):", "business", "unknown"),
    }
    for box, (line, cluster, level) in lines.items():
        filename = f"/var/log/opsconductor/{box}/{box}.log"
        entry = Entry(1, line, {**target.labels, "filename": filename})
        (found,) = target.pipeline.fork().process([entry])
        assert found.labels == {"cluster": cluster, "service": box, "level": level}
        if line.startswith("{"):
            assert found.time_ns == 1767323045_500_000_000
