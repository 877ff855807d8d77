"""Jobs on the wire."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from backend_service.actions import Action
from backend_service.schemas.base import Body, Key, Name, Text, View


def refuse_repeated(ids: list[int]) -> list[int]:
    """A target belongs to a job once."""
    if len(set(ids)) != len(ids):
        raise ValueError("must not name a target twice")
    return ids


class JobBody(Body):
    """A job to create or replace. Actions run in their order on each target; a failed one skips the rest there."""

    name: Name
    description: Annotated[Text, Field(max_length=4096)] = ""
    target_ids: Annotated[list[Key], Field(max_length=1000), AfterValidator(refuse_repeated)] = Field(
        default_factory=list
    )
    actions: Annotated[list[Action], Field(min_length=1, max_length=50)]


class JobView(View):
    """A stored job."""

    id: int
    name: str
    description: str
    target_ids: list[int]
    actions: list[dict[str, Any]]
