"""A real server in a process of its own."""

import http.client
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from opsconductor.serving.server import ListenError, bind_listener

PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from opsconductor.serving.counters import Registry
    from opsconductor.serving.health import health_routes
    from opsconductor.serving.server import bind_listener, serve
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route, Router

    missing = "the disk"

    async def start():
        global missing
        if sys.argv[1:] == ["fail"]:
            raise RuntimeError("start failed")
        await asyncio.sleep(0.3)
        missing = ""

    async def stop():
        print("stopped", flush=True)

    async def slow(request):
        print("slow", flush=True)
        await asyncio.sleep(1)
        return PlainTextResponse("done")

    registry = Registry()
    registry.counter("c_total", "C.")
    listener = bind_listener(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    routes = [*health_routes(lambda: missing, registry), Route("/slow", slow)]
    serve(Router(routes), listener, start=start, stop=stop, drain=lambda: print("draining", flush=True))
    print("end", flush=True)
    """
)


@pytest.fixture
def server():
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_answers_while_it_starts_and_says_what_is_missing(server):
    _, port = server
    assert get(port, "/ready") == (503, "not ready: the disk\n")
    assert get(port, "/metrics")[0] == 200
    deadline = time.monotonic() + 10
    while get(port, "/ready")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert get(port, "/ready") == (200, "ready\n")


def test_the_signal_lets_a_running_request_finish(server):
    process, port = server
    answers = []
    client = threading.Thread(target=lambda: answers.append(get(port, "/slow")))
    client.start()
    assert process.stdout.readline() == "slow\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    client.join()
    assert answers == [(200, "done")]
    assert process.stdout.read() == "draining\nstopped\nend\n"


def test_an_error_of_start_ends_the_server():
    command = [sys.executable, "-c", PROGRAM, "fail"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "RuntimeError: start failed" in done.stderr
    assert done.stdout.endswith("stopped\n")


def test_an_occupied_port_is_named_and_so_is_the_way_out():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ListenError, match=rf"cannot listen on 127.0.0.1:{port}: the port is in use.*--listen"):
            bind_listener(("127.0.0.1", port))


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ListenError, match=r"cannot listen on 192.0.2.1:0"):
        bind_listener(("192.0.2.1", 0))
