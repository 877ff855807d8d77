"""The supervisor of one cluster: `python -m opsconductor.cli.supervisor CLUSTER …`, started by `opsconductor up`.

It shares no process, lock or file with the other cluster's supervisor. It never writes to a disk in its loop: log
files and state are written by threads, so that a disk that hangs delays no box.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from opsconductor.cli.box import BoxSpec
from opsconductor.cli.eventlog import EventLog
from opsconductor.cli.home import Home
from opsconductor.cli.leftovers import clean_leftovers, mark_of
from opsconductor.cli.logfile import BoxLog, LogFile, LogWriter
from opsconductor.cli.process import MARK, identify, read_boot_id
from opsconductor.cli.runner import BoxRunner
from opsconductor.cli.state import CLUSTERS, ClusterState, hold_lock, write_state
from opsconductor.model.errors import OpsConductorError

PUBLISH_PAUSE_S = 0.05
COUNT_PAUSE_S = 2.0
ALREADY_RUNNING = 75
"""Exit status when another supervisor holds the cluster's lock."""


class Supervisor:
    """Runs the boxes of one cluster until SIGTERM or SIGINT."""

    def __init__(self, home: Home, cluster: str, specs: Sequence[BoxSpec], offset: int, config: Path) -> None:
        self._home = home
        self._writer = LogWriter()
        name = f"supervisor-{cluster}"
        self._events = EventLog(name, BoxLog(LogFile(home.log_file(name)), self._writer))
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._runners = {spec.name: self._make_runner(spec) for spec in specs}
        me = identify(os.getpid())
        self._state = ClusterState(
            cluster, os.getpid(), me.start if me else 0, read_boot_id(), offset, str(config),
            [runner.status for runner in self._runners.values()],
        )  # fmt: skip

    def _make_runner(self, spec: BoxSpec) -> BoxRunner:
        log = BoxLog(LogFile(self._home.log_file(spec.name)), self._writer)
        marked = {**spec.environment, MARK: mark_of(self._home, spec.cluster) + spec.name}
        return BoxRunner(replace(spec, environment=marked), log, self._events, self._changed.set)

    async def run(self) -> None:
        """Start everything in order of need, keep it alive, end it in reverse order."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        self._events.info("supervisor started", pid=os.getpid(), port_offset=self._state.offset)
        helpers = [asyncio.ensure_future(self._publish()), asyncio.ensure_future(self._count_dropped())]
        lives = [
            asyncio.ensure_future(runner.run([self._runners[need] for need in runner.spec.needs]))
            for runner in self._runners.values()
        ]
        self._changed.set()
        await self._stop.wait()
        self._events.info("supervisor stops")
        await asyncio.gather(*(self._stop_in_order(runner) for runner in self._runners.values()))
        await asyncio.gather(*lives)
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        self._events.info("supervisor stopped")
        self._writer.close()

    def _on_signal(self) -> None:
        if self._stop.is_set():
            for runner in self._runners.values():
                runner.stop()
        self._stop.set()

    async def _stop_in_order(self, runner: BoxRunner) -> None:
        """A box ends after all boxes that need it have ended."""
        users = [other for other in self._runners.values() if runner.spec.name in other.spec.needs]
        await asyncio.gather(*(user.ended.wait() for user in users))
        runner.stop()
        await runner.ended.wait()

    async def _publish(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await asyncio.to_thread(write_state, self._home, self._state.to_json())
            except OSError as error:
                self._events.warning("cannot publish the state", error=str(error))
                self._changed.set()
                await asyncio.sleep(COUNT_PAUSE_S)
            await asyncio.sleep(PUBLISH_PAUSE_S)

    async def _count_dropped(self) -> None:
        """Say, not more often than every few seconds, which logs lose lines."""
        while True:
            await asyncio.sleep(COUNT_PAUSE_S)
            for runner in self._runners.values():
                dropped = runner.log.dropped
                new = dropped - runner.status.dropped_log_lines
                if new:
                    runner.status.dropped_log_lines = dropped
                    self._changed.set()
                    self._events.warning(
                        "log lines dropped",
                        box=runner.spec.name,
                        lines=new,
                        total=dropped,
                        error=runner.log.file.error,
                    )


def supervise(home: Home, cluster: str, specs: Sequence[BoxSpec], offset: int, config: Path) -> int:
    """Hold the cluster's lock, end what a predecessor left, and run. Returns the exit status."""
    with hold_lock(home, cluster) as is_ours:
        if not is_ours:
            print(f"cannot start the {cluster} cluster: it is running already in {home.root}", file=sys.stderr)
            return ALREADY_RUNNING
        clean_leftovers(home, cluster)

        async def run() -> None:
            await Supervisor(home, cluster, specs, offset, config).run()

        asyncio.run(run())
        home.state_file(cluster).unlink(missing_ok=True)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The process that `opsconductor up` starts for a cluster."""
    from opsconductor.cli.boxes import build_boxes

    parser = argparse.ArgumentParser(prog="opsconductor.cli.supervisor")
    parser.add_argument("cluster", choices=CLUSTERS)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port-offset", type=int, default=0)
    arguments = parser.parse_args(argv)
    home = Home(arguments.home)
    try:
        specs = build_boxes(arguments.cluster, home, arguments.config, arguments.port_offset)
        return supervise(home, arguments.cluster, specs, arguments.port_offset, arguments.config)
    except (OpsConductorError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
