"""What requests and answers look like. Unknown fields are refused."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from auth_service.roles import Role
from auth_service.sessions import Tokens, UserSession
from auth_service.tables import User
from auth_service.users import Identity

MIN_PASSWORD = 8
MAX_PASSWORD = 256
"""Characters of a password: a bound for what is hashed."""


def check_length(shortest: int) -> Callable[[SecretStr], SecretStr]:
    """A validator for passwords; ValueError when there are too few or too many characters."""

    def check(password: SecretStr) -> SecretStr:
        if not shortest <= len(password) <= MAX_PASSWORD:
            raise ValueError(f"a password has {shortest} to {MAX_PASSWORD} characters")
        return password

    return check


Username = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", strip_whitespace=True, to_lower=True)
]
GivenPassword = Annotated[SecretStr, AfterValidator(check_length(1))]
NewPassword = Annotated[SecretStr, AfterValidator(check_length(MIN_PASSWORD))]


class Body(BaseModel):
    """Root of every request's body."""

    model_config = ConfigDict(extra="forbid")


class LoginBody(Body):
    """POST /api/auth/login."""

    username: Annotated[str, Field(min_length=1, max_length=256)]
    password: GivenPassword


class RefreshBody(Body):
    """POST /api/auth/refresh."""

    refresh_token: GivenPassword


class PasswordBody(Body):
    """POST /api/auth/password."""

    current: GivenPassword
    new: NewPassword


class NewUserBody(Body):
    """POST /api/auth/users."""

    username: Username
    password: NewPassword
    role: Role


class ChangeUserBody(Body):
    """PATCH /api/auth/users/{id}: what is left out stays."""

    role: Role | None = None
    active: bool | None = None
    password: NewPassword | None = None


class IdentityAnswer(BaseModel):
    """Who is logged in."""

    id: int
    username: str
    role: Role

    @classmethod
    def of(cls, user: Identity) -> "IdentityAnswer":
        """From the service's own form."""
        return cls(id=user.id, username=user.username, role=user.role)


class TokensAnswer(BaseModel):
    """A pair of tokens; expires_in in seconds, of the access token."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - OAuth 2's name of the kind, not a secret
    expires_in: int
    user: IdentityAnswer

    @classmethod
    def of(cls, tokens: Tokens, user: Identity) -> "TokensAnswer":
        """From the service's own form."""
        return cls(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_in=tokens.expires_in,
            user=IdentityAnswer.of(user),
        )


class SessionAnswer(BaseModel):
    """GET /api/auth/session: expires_at is when the session ends unless it is refreshed."""

    session_id: str
    expires_at: datetime
    user: IdentityAnswer

    @classmethod
    def of(cls, session: UserSession) -> "SessionAnswer":
        """From the service's own form."""
        return cls(session_id=session.id, expires_at=session.expires_at, user=IdentityAnswer.of(session.user))


class UserAnswer(BaseModel):
    """A user as administrators see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    username: str
    role: Role
    active: bool
    created_at: datetime
    last_login_at: datetime | None


class UsersAnswer(BaseModel):
    """A page of users; total is how many there are."""

    items: list[UserAnswer]
    total: int

    @classmethod
    def of(cls, users: list[User], total: int) -> "UsersAnswer":
        """From the service's own form."""
        return cls(items=[UserAnswer.model_validate(user) for user in users], total=total)
