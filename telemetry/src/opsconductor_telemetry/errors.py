"""The one root of this package's errors. A message reads "cannot VERB WHAT: WHY" and says what to do."""


class TelemetryError(Exception):
    """The environment that a service started in is wrong (LOG_LEVEL, OPSCONDUCTOR_ADDRESSES)."""
