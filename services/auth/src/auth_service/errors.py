"""The errors of this service. A message reads "cannot VERB WHAT: WHY" and says what to do."""


class AuthError(Exception):
    """Root of every error that a user may see."""


class SettingsError(AuthError):
    """An environment variable, or the file that it names, is wrong. Ends the process with status 2."""


class ListenError(AuthError):
    """The port cannot be had. Ends the process with status 1."""


class RefusalError(AuthError):
    """A request is refused: the HTTP status, and after how many seconds it may be sent again (0: never as it is)."""

    def __init__(self, status: int, message: str, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
