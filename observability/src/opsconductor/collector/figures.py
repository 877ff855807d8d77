"""The collector's own figures, under the original's names as far as they apply. Spec: Promtail metrics."""

from collections.abc import Callable, Iterable

from opsconductor.serving.counters import LabelValues, Registry


class Figures:
    """Counters of every client and file; `watch_files` adds gauges that are read when they are asked for."""

    def __init__(self) -> None:
        self.registry = Registry()
        add, client = self.registry.counter, ("host", "client")
        self.read_lines = add("promtail_read_lines_total", "Lines read.", ("path",))
        self.stage_dropped = add("logentry_dropped_lines_total", "Lines that a pipeline stage dropped.", ("reason",))
        self.encoded_bytes = add("promtail_encoded_bytes_total", "Bytes encoded and ready to send.", client)
        self.sent_bytes = add("promtail_sent_bytes_total", "Bytes sent.", client)
        self.sent_entries = add("promtail_sent_entries_total", "Entries that the store took.", client)
        self.dropped_bytes = add(
            "promtail_dropped_bytes_total", "Bytes of batches that the store refused.", (*client, "reason")
        )
        self.dropped_entries = add(
            "promtail_dropped_entries_total", "Entries of batches that the store refused.", (*client, "reason")
        )
        self.mutated_entries = add(
            "promtail_mutated_entries_total", "Lines that were cut or dropped for their length.", (*client, "reason")
        )
        self.batch_retries = add("promtail_batch_retries_total", "Pushes that had to be tried again.", client)
        self.conflicts = add(
            "opsconductor_collector_conflicts_total", "Pushes that did not continue the store's offsets.", client
        )
        self.lost_bytes = add(
            "opsconductor_collector_lost_bytes_total", "Bytes of deleted files given up unread.", client
        )
        self.push_seconds = self.registry.histogram(
            "promtail_request_duration_seconds", "Duration of pushes.", ("status_code", "host")
        )

    def watch_files(self, read: Callable[[], Iterable[tuple[str, int, int]]]) -> None:
        """Gauges of the files that are open now: read() gives (path, bytes read, size)."""

        def pick(index: int) -> Callable[[], list[tuple[LabelValues, float]]]:
            return lambda: [((item[0],), float(item[index])) for item in read()]

        self.registry.gauges("promtail_read_bytes_total", "Bytes read of an open file.", ("path",), pick(1))
        self.registry.gauges("promtail_file_bytes_total", "Size of an open file.", ("path",), pick(2))
        self.registry.gauge("promtail_files_active_total", "Open files.", lambda: float(len(list(read()))))
        self.registry.gauge(
            "opsconductor_collector_unread_bytes",
            "Bytes in open files that were not read yet.",
            lambda: float(sum(max(0, size - offset) for _, offset, size in read())),
        )
