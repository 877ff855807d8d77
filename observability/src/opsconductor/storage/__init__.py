"""Storage engine: WAL, segments, manifest, compaction, retention and scans, for three signals."""
