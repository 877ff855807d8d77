"""OpsConductor's observability cluster: a room per role, described in ARCHITECTURE.md."""

__version__ = "0.1.0"
