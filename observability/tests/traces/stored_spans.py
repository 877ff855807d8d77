"""A store in a folder, filled in this process: some spans in segments, some in the write-ahead log."""

from contextlib import contextmanager

import duckdb
import orjson

from opsconductor.storage.append import Append
from opsconductor.storage.compactor import Compactor
from opsconductor.storage.reader import Reader
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.writer import Writer
from opsconductor.traces.admission import SeriesCache, admit
from opsconductor.traces.answers import Answers
from opsconductor.traces.decoding import decode_request
from opsconductor.traces.search import Search
from opsconductor.traces.table import SPANS, TENANT

SETTINGS = StorageSettings(retention_ns=0, flush_interval_ns=0, flush_rows=1, disk_reserve_bytes=0)


class Store:
    """What is stored, to be asked as the query worker asks."""

    def __init__(self, data):
        self._data = data
        self._writer = Writer.open(data, SPANS, SETTINGS)
        self._database = duckdb.connect(config={"threads": 1})
        self._reader = Reader(data, SPANS)
        self._answers = Answers(self._reader)

    def add(self, body):
        """Store a protobuf request, durably."""
        admitted = admit(decode_request(body), SeriesCache(), 0)
        if admitted.rows.num_rows:
            self._writer.append(Append(TENANT, admitted.rows, admitted.series)).result()
        return admitted

    def compact(self):
        """Everything into segments."""
        with Compactor(self._data, SPANS, SETTINGS) as compactor:
            while compactor.run_once():
                pass

    @contextmanager
    def search(self):
        with self._reader.snapshot(TENANT) as snapshot:
            yield Search(snapshot, self._database.cursor())

    def ask(self, endpoint, query="", body=b""):
        """The answer of an endpoint."""
        return orjson.loads(self._answers.answer(endpoint, query, body, self._database.cursor()))

    def close(self):
        self._writer.close()
        self._database.close()


@contextmanager
def open_store(folder):
    store = Store(folder)
    try:
        yield store
    finally:
        store.close()
