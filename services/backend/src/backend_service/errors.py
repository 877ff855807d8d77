"""Errors of the backend. Messages read "cannot VERB WHAT: WHY" and reach the API's client as `detail`."""


class BackendError(Exception):
    """Root of the backend's errors; `status` is the HTTP status that a route answers with it."""

    status = 500


class SettingError(BackendError):
    """An environment variable holds a value that the service cannot use; the process ends with 2."""


class InvalidError(BackendError):
    """The request is well-formed but asks for something impossible."""

    status = 422


class UnauthenticatedError(BackendError):
    """No session, or one that has ended."""

    status = 401


class ForbiddenError(BackendError):
    """The session's role does not allow the request."""

    status = 403


class NotFoundError(BackendError):
    """The thing named by the path does not exist."""

    status = 404


class ConflictError(BackendError):
    """The request contradicts what is stored."""

    status = 409


class LengthMissingError(BackendError):
    """The request's body does not say its length."""

    status = 411


class TooLargeError(BackendError):
    """The request's body is above MAX_BODY_BYTES."""

    status = 413


class OverloadedError(BackendError):
    """A limit is reached that goes away by itself; the client may try again."""

    status = 429


class UnavailableError(BackendError):
    """Something that the backend needs cannot be reached now; the client may try again."""

    status = 503
