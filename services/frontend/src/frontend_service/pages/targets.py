"""Targets: the list, with the form that creates one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from frontend_service.errors import FormError, RefusedError
from frontend_service.forms import Form, read_form, read_labels
from frontend_service.rendering import Paging, Part, redirect, render
from frontend_service.session import Here, Session

router = APIRouter(prefix="/targets")


@router.get("")
async def show_targets(request: Request, session: Here, part: Part) -> Response:
    """The targets and the empty form."""
    return await render_targets(request, session, part)


async def render_targets(
    request: Request,
    session: Session,
    part: Paging,
    form: Form | None = None,
    error: FormError | RefusedError | None = None,
) -> Response:
    """The list; with what was typed and why it was refused, after a refused form."""
    page = await session.call("backend", "GET", "/api/targets", query=part.query)
    return render(
        request,
        "targets",
        status=error.status if error else 200,
        targets=page["items"],
        part=part.of(page["total"]),
        form=form or {},
        error=error,
    )


@router.post("")
async def create_target(request: Request, session: Here, form: Annotated[Form, Depends(read_form)]) -> Response:
    """Creates a target."""
    try:
        body = {name: form.get(name, "") for name in ("name", "kind", "address")}
        labels = read_labels(form.get("labels", ""))
        await session.call("backend", "POST", "/api/targets", body={**body, "labels": labels})
    except (FormError, RefusedError) as error:
        return await render_targets(request, session, Paging(0), form, error)
    return redirect("/targets", "target-created")


@router.post("/{key}/delete", dependencies=[Depends(read_form)])
async def delete_target(session: Here, key: int) -> Response:
    """Deletes a target."""
    await session.call("backend", "DELETE", f"/api/targets/{key}")
    return redirect("/targets", "target-deleted")
