"""Targets on the wire."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from backend_service.schemas.base import Body, Name, Text, View

HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\])"
PORT = r"[0-9]{1,5}"
LABEL = r"^[A-Za-z_][A-Za-z0-9_.-]{0,62}$"

Labels = Annotated[
    dict[Annotated[str, Field(pattern=LABEL)], Annotated[Text, Field(max_length=256)]], Field(max_length=32)
]


def is_port(text: str) -> bool:
    """Whether the digits are a port to connect to."""
    return 1 <= int(text) <= 65535


def check_address(kind: str, address: str) -> None:
    """Raises ValueError unless the address has the kind's form."""
    if kind == "http":
        found = re.fullmatch(rf"https?://{HOST}(?::(?P<port>{PORT}))?(?:/[^\s?#]*)?", address)
        if not found or not is_port(found["port"] or "80"):
            raise ValueError("address of kind http must be a URL like http://host:8080/path, without a user")
    elif kind == "tcp":
        found = re.fullmatch(rf"{HOST}:(?P<port>{PORT})", address)
        if not found or not is_port(found["port"]):
            raise ValueError("address of kind tcp must be host:port")
    elif not re.fullmatch(HOST, address):
        raise ValueError("address of kind host must be a host name or IP address")


class TargetBody(Body):
    """A target to create or replace."""

    name: Name
    address: Annotated[Text, Field(min_length=1, max_length=2048)]
    kind: Literal["http", "tcp", "host"]
    labels: Labels = Field(default_factory=dict)

    @model_validator(mode="after")
    def check(self) -> Self:
        """The address must fit the kind."""
        check_address(self.kind, self.address)
        return self


class TargetView(View):
    """A stored target."""

    id: int
    name: str
    address: str
    kind: str
    labels: dict[str, str]
    created_at: datetime
