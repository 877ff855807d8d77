"""Errors of the frontend. Messages read "cannot VERB WHAT: WHY" and reach the user as they are."""


class FrontendError(Exception):
    """Root of the frontend's errors; `status` is the HTTP status of the page that shows it."""

    status = 500


class SettingError(FrontendError):
    """An environment variable holds a value that the service cannot use; the process ends with 2."""


class SessionLostError(FrontendError):
    """Nobody is logged in, or no longer; the user is led to the login page."""

    status = 401


class ForbiddenError(FrontendError):
    """The request came from another site."""

    status = 403


class FormError(FrontendError):
    """What the user typed cannot be used."""

    status = 422


class TooLargeError(FrontendError):
    """The form is above MAX_FORM_BYTES."""

    status = 413


class UnavailableError(FrontendError):
    """A service cannot be reached, is too slow or answers with an error of its own."""

    status = 503


class RefusedError(FrontendError):
    """A service refused the request: its words and its status (4xx).

    retry_after_s: seconds after which the same request may succeed, where the service says so.
    """

    def __init__(self, message: str, status: int, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
