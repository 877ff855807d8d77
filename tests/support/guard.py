"""Run a server for as long as its test process lives: python guard.py STATE COMMAND …

The test process holds the other end of our stdin. When that closes, however it died, the server is asked to stop
(SIGINT, which PostgreSQL and Redis take as a fast stop) and after ten seconds killed; then the folder STATE goes.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading


def main() -> int:
    state, *command = sys.argv[1:]
    os.chdir("/")
    server = subprocess.Popen(command, cwd=state, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=stop_at_end_of_input, args=(server,), daemon=True).start()
    status = server.wait()
    shutil.rmtree(state, ignore_errors=True)
    return status


def stop_at_end_of_input(server: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    server.send_signal(signal.SIGINT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
