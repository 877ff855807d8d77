"""A small real program to supervise: fake_box.py PORT [BEHAVIOUR…]. Serves /ready until it is told to stop."""

import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

PORT = int(sys.argv[1])
BEHAVIOUR = set(sys.argv[2:])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"detail": "redis is missing"}' if "unready" in BEHAVIOUR else b'{"status": "ok"}'
        self.send_response(503 if "unready" in BEHAVIOUR else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    print(f"begins as {os.getpid()}", flush=True)
    if "crash" in BEHAVIOUR:
        print("cannot read loki.yml: line 3 is wrong", file=sys.stderr)
        sys.exit(1)
    if "deaf" in BEHAVIOUR:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "child" in BEHAVIOUR:  # in the box's session
        subprocess.Popen(["sleep", "1000"])
    if "daemon" in BEHAVIOUR:  # out of its session, deaf, and it keeps the environment
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    if "flood" in BEHAVIOUR:
        for number in range(20000):
            print(f"line {number} " + "x" * 80)
        print("flooded", flush=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    for word in BEHAVIOUR:
        if word.startswith("stops="):  # notes when it was told to stop
            note = Path(word.removeprefix("stops="))

            def stop(*_: object, note: Path = note) -> None:
                with note.open("a") as file:
                    file.write(f"{PORT}\n")
                os._exit(0)

            signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        signal.pause()


main()
