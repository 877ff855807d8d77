"""Storage engine: WAL, segments, manifest, compaction, retention and scans, for three signals.

`table` says what is stored; `append` what a `writer` takes; `reader` gives snapshots, `compactor` keeps house.
Writer, readers and compactor live in different processes and share nothing but files:

    writer ─▶ wal (frame, walfile, committed) ─▶ head ─▶ reader
                     └─▶ compactor ─▶ segment, manifest ─▶ reader (under a lease)
"""
