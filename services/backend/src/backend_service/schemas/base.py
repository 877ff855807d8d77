"""What all schemas share."""

from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Item = TypeVar("Item")


def refuse_nul(text: str) -> str:
    """PostgreSQL cannot store NUL."""
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")
    return text


Text = Annotated[str, AfterValidator(refuse_nul)]
Name = Annotated[Text, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Key = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Body(BaseModel):
    """JSON from a client: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """JSON to a client, read from a table's row."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Item]):
    """A part of a list; `total` counts the whole list."""

    items: list[Item]
    total: int
