"""Users, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from frontend_service.errors import RefusedError
from frontend_service.forms import Form, read_form
from frontend_service.rendering import Paging, Part, redirect, render
from frontend_service.session import Here, Session

ROLES = ("viewer", "operator", "administrator")

router = APIRouter(prefix="/users")


@router.get("")
async def show_users(request: Request, session: Here, part: Part) -> Response:
    """The users and the empty form."""
    return await render_users(request, session, part)


async def render_users(
    request: Request, session: Session, part: Paging, form: Form | None = None, error: RefusedError | None = None
) -> Response:
    """The list; with what was typed (but the password) and why it was refused, after a refused form."""
    page = await session.call("auth", "GET", "/api/auth/users", query=part.query)
    return render(
        request,
        "users",
        status=error.status if error else 200,
        users=page["items"],
        part=part.of(page["total"]),
        roles=ROLES,
        form=form or {},
        error=error,
    )


@router.post("")
async def create_user(request: Request, session: Here, form: Annotated[Form, Depends(read_form)]) -> Response:
    """Creates a user."""
    body = {
        "username": form.get("username", ""),
        "password": form.many.get("password", [""])[0],
        "role": form.get("role", ""),
    }
    try:
        await session.call("auth", "POST", "/api/auth/users", body=body)
    except RefusedError as error:
        return await render_users(request, session, Paging(0), form, error)
    return redirect("/users", "user-created")


@router.post("/{key}/delete", dependencies=[Depends(read_form)])
async def delete_user(session: Here, key: str) -> Response:
    """Deletes a user."""
    await session.call("auth", "DELETE", f"/api/auth/users/{key}")
    return redirect("/users", "user-deleted")
