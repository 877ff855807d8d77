"""Redis (or Valkey), from INFO, under redis_exporter's names."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from opsconductor.exporters.family import Family, counter, gauge
from opsconductor.model.address import resolve_address

TIMEOUT_S = 3.0

GAUGES = {
    "uptime_in_seconds": ("redis_uptime_in_seconds", "Seconds since the server started."),
    "connected_clients": ("redis_connected_clients", "Client connections."),
    "blocked_clients": ("redis_blocked_clients", "Clients waiting in a blocking call."),
    "used_memory": ("redis_memory_used_bytes", "Bytes allocated."),
    "used_memory_rss": ("redis_memory_used_rss_bytes", "Bytes resident."),
    "used_memory_peak": ("redis_memory_used_peak_bytes", "Peak of bytes allocated."),
    "maxmemory": ("redis_memory_max_bytes", "Limit of memory, 0 for none."),
    "rdb_changes_since_last_save": ("redis_rdb_changes_since_last_save", "Changes since the last dump."),
    "aof_enabled": ("redis_aof_enabled", "Whether the append-only file is on."),
    "aof_last_write_status": ("redis_aof_last_write_status", "Whether the last write to it succeeded."),
    "connected_slaves": ("redis_connected_slaves", "Replicas connected."),
}
COUNTERS = {
    "total_connections_received": ("redis_connections_received_total", "Connections accepted."),
    "total_commands_processed": ("redis_commands_processed_total", "Commands processed."),
    "total_net_input_bytes": ("redis_net_input_bytes_total", "Bytes received."),
    "total_net_output_bytes": ("redis_net_output_bytes_total", "Bytes sent."),
    "rejected_connections": ("redis_rejected_connections_total", "Connections refused because of maxclients."),
    "expired_keys": ("redis_expired_keys_total", "Keys expired."),
    "evicted_keys": ("redis_evicted_keys_total", "Keys evicted."),
    "keyspace_hits": ("redis_keyspace_hits_total", "Successful look-ups."),
    "keyspace_misses": ("redis_keyspace_misses_total", "Failed look-ups."),
}


@dataclass(frozen=True)
class RedisAddress:
    """Where the server is, and its password ("" for none)."""

    host: str
    port: int
    password: str


async def collect_redis(address: RedisAddress) -> list[Family]:
    """redis_up, and everything else when it is 1."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            info = await _ask_info(address)
    except (OSError, TimeoutError, EOFError, ValueError):
        return [gauge("redis_up", "Whether the last scrape reached the server.", 0)]
    families = [gauge("redis_up", "Whether the last scrape reached the server.", 1)]
    version = info.get("valkey_version") or info.get("redis_version", "")
    families.append(
        gauge("redis_instance_info", "Version and role.", 1, redis_version=version, role=info.get("role", ""))
    )
    families += [gauge(name, text, _number(info[key])) for key, (name, text) in GAUGES.items() if key in info]
    families += [counter(name, text, _number(info[key])) for key, (name, text) in COUNTERS.items() if key in info]
    keys, expiring = (
        gauge("redis_db_keys", "Keys of a database."),
        gauge("redis_db_keys_expiring", "Keys that expire."),
    )
    for key, value in info.items():
        if key.startswith("db") and key[2:].isdigit():
            parts = dict(part.split("=", 1) for part in value.split(","))
            keys.add(float(parts["keys"]), db=key)
            expiring.add(float(parts["expires"]), db=key)
    return [*families, keys, expiring]


def _number(text: str) -> float:
    return {"ok": 1.0, "err": 0.0}[text] if text in ("ok", "err") else float(text)


async def _ask_info(address: RedisAddress) -> dict[str, str]:
    reader, writer = await asyncio.open_connection(*resolve_address(address.host, address.port))
    try:
        if address.password:
            await _command(reader, writer, "AUTH", address.password)
        text = await _command(reader, writer, "INFO")
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


async def _command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str) -> str:
    """Send one command, return its simple or bulk answer. Spec: Redis serialization protocol."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    writer.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
    line = (await reader.readuntil(b"\r\n")).decode().strip()
    if line.startswith("-"):
        raise ValueError(line[1:])
    if line.startswith("$"):
        body = await reader.readexactly(int(line[1:]) + 2)
        return body[:-2].decode(errors="replace")
    return line[1:]
