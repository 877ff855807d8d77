import pytest

from opsconductor.model.document import Section, expand_environment, parse_document
from opsconductor.model.errors import ConfigError

TEXT = """
clients:
  - url: http://loki:3100
    timeout: soon
limits: {size: 256KB, plain: 1048576, one: 1MiB, bytes: 10b, bad: 23QB}
flag: maybe
base: &base {a: "1"}
merged:
  <<: *base
  b: "2"
"""


def parse() -> Section:
    return parse_document(TEXT, "promtail.yml")


def test_a_wrong_value_names_its_key_file_and_line() -> None:
    (client,) = parse().items("clients")
    with pytest.raises(ConfigError, match=r'cannot read clients.timeout: .*"soon".* \(promtail.yml:4\)'):
        client.section().seconds("timeout", 1.0)
    with pytest.raises(ConfigError, match=r"flag.*neither true nor false.*promtail.yml:6"):
        parse().flag("flag", default=False)


def test_sizes_have_binary_units() -> None:
    limits = parse().section("limits")
    assert [limits.size(key, 0) for key in ("size", "plain", "one", "bytes")] == [262144, 1048576, 1048576, 10]
    with pytest.raises(ConfigError, match=r"23QB"):
        limits.size("bad", 0)


def test_merged_keys_and_unread_keys() -> None:
    document = parse()
    assert {name: value.text() for name, value in document.section("merged")} == {"a": "1", "b": "2"}
    assert {value.path for value in document.unread()} == {"clients", "limits", "flag", "base"}


@pytest.mark.parametrize(
    ("text", "where"), [("a: [1", "promtail.yml:1"), ("a: 1\nb: c: d", "promtail.yml:2"), ("", "promtail.yml")]
)
def test_what_is_no_yaml_mapping_is_refused_with_its_line(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "promtail.yml")
    assert caught.value.where == where


def test_environment_is_expanded_with_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE", "http://x")
    assert expand_environment("${STORE}/push ${ABSENT:-no} ${ABSENT:-} ${1} ${absent} ^a$") == (
        "http://x/push no  ${1} ${absent} ^a$"
    )
