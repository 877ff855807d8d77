"""The one root of our errors. A message reads "cannot VERB WHAT: WHY (where)" and says what to do."""


class OpsConductorError(Exception):
    """Root of every error that a user may see."""


class ConfigError(OpsConductorError):
    """A configuration file is wrong. `where` is "FILE:LINE" or the key's path."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{message} ({where})" if where else message)
        self.where = where


class InputError(OpsConductorError):
    """A request or a record is wrong: the sender must change it. Maps to HTTP 400."""


class LimitError(OpsConductorError):
    """A limit was reached. `name` is the original's name of the limit, `status` the HTTP status (413, 422, 429)."""

    def __init__(self, message: str, name: str, status: int = 429) -> None:
        super().__init__(message)
        self.name = name
        self.status = status


class UnavailableError(OpsConductorError):
    """Refused for now, retriable: starting, stopping, or the disk is below its reserve. Maps to HTTP 503."""
