"""Roles: administrator > operator > viewer."""

from enum import StrEnum


class Role(StrEnum):
    """What a user may do: a viewer reads, an operator also writes, an administrator also manages users."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    VIEWER = "viewer"
