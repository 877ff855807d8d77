import json
import os
import socket
import sys

import pytest

from opsconductor.cli.boxes import BOXES
from opsconductor.cli.ports import (
    DEFAULT_PORTS,
    HIGHEST_OFFSET,
    PortError,
    Ports,
    check_ports,
    find_owner,
    is_free,
    parse_offset,
)
from opsconductor.model.errors import ConfigError


def test_every_box_has_a_port_of_its_own() -> None:
    assert {box for boxes in BOXES.values() for box in boxes} == set(DEFAULT_PORTS)
    assert len(set(DEFAULT_PORTS.values())) == len(DEFAULT_PORTS)


def test_a_taken_port_names_its_owner_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setitem(DEFAULT_PORTS, "nginx", port)
        assert not is_free(port)
        assert find_owner(port) == os.getpid()
        with pytest.raises(PortError) as caught:
            check_ports(["nginx", "redis"], Ports())
    message = str(caught.value)
    assert f"cannot start nginx: port {port} is used by pid {os.getpid()} (" in message
    assert sys.executable in message
    assert "PORT_OFFSET=10000 make up" in message
    assert is_free(port)


def test_a_listener_on_all_addresses_is_seen() -> None:
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        assert find_owner(port) == os.getpid()


def test_the_table_holds_both_names_of_a_box() -> None:
    table = json.loads(Ports(10000).addresses())
    assert table["loki:3100"] == table["logs:3100"] == "127.0.0.1:13100"
    assert table["promtail:9080"] == "127.0.0.1:19080"
    assert table["auth:8001"] == "127.0.0.1:18001"
    assert table["nginx:8080"] == "127.0.0.1:18080"


def test_offsets() -> None:
    assert parse_offset("10000") == 10000
    assert max(port for box in DEFAULT_PORTS for port in Ports(HIGHEST_OFFSET).all_of(box)) == 65535
    for text in ("-1", "ten", str(HIGHEST_OFFSET + 1), "1.5"):
        with pytest.raises(ConfigError, match="cannot use port offset"):
            parse_offset(text)
