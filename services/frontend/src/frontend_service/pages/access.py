"""Log in, log out, and the user's own account."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from frontend_service.errors import FormError, RefusedError, UnavailableError
from frontend_service.forms import Form, read_form
from frontend_service.protection import make_safe_path
from frontend_service.rendering import redirect, render
from frontend_service.services import Json, Services
from frontend_service.session import Here, Session, forward_address, get_deadline, store_tokens
from frontend_service.tokens import read_pair, read_tokens
from opsconductor_telemetry import get_logger

router = APIRouter()
log = get_logger(__name__)


@router.get("/login")
async def show_login(request: Request) -> Response:
    """The login form; ?next= is where it leads."""
    return render(request, "login", next=make_safe_path(request.query_params.get("next", "/")))


@router.post("/login")
async def log_in(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
    """Tokens into cookies, or the form again with the reason."""
    services: Services = request.app.state.services
    leads = make_safe_path(form.get("next", "/"))
    # as typed: white space may be part of a password
    password = form.many.get("password", [""])[0]
    body = {"username": form.get("username", ""), "password": password}
    try:
        answer = await services.call(
            "auth",
            "POST",
            "/api/auth/login",
            deadline=get_deadline(request),
            headers=forward_address(request),
            body=body,
        )
    except (RefusedError, UnavailableError) as error:
        shown = describe_refusal(error) if isinstance(error, RefusedError) else str(error)
        return render(
            request, "login", status=error.status, next=leads, error=shown, username=form.get("username", "")
        )
    store_tokens(request, read_pair(answer))
    return redirect(leads)


@router.post("/logout", dependencies=[Depends(read_form)])
async def log_out(request: Request) -> Response:
    """Ends the session; the cookies go even when auth is away (the tokens then end by themselves)."""
    tokens = read_tokens(request.cookies)
    if tokens.access or tokens.refresh:
        try:
            await Session(request).call("auth", "POST", "/api/auth/logout")
        except (RefusedError, UnavailableError) as error:
            log.warning("logout incomplete", reason=str(error))
    store_tokens(request, None)
    return redirect("/login", "logged-out")


@router.get("/account")
async def show_account(request: Request, _: Here) -> Response:
    """The form that changes the own password."""
    return render(request, "account")


@router.post("/account")
async def change_password(request: Request, session: Here, form: Annotated[Form, Depends(read_form)]) -> Response:
    """Changes the own password."""
    try:
        await session.call("auth", "POST", "/api/auth/password", body=read_change(form))
    except (FormError, RefusedError) as error:
        return render(request, "account", status=error.status, error=str(error))
    return redirect("/account", "password-changed")


def read_change(form: Form) -> Json:
    """What auth is told. Raises FormError when the new password was not typed twice."""
    current, new, again = (form.many.get(name, [""])[0] for name in ("current", "new", "again"))
    if new != again:
        raise FormError("The new password and its repetition differ")
    return {"current": current, "new": new}


def describe_refusal(error: RefusedError) -> str:
    """Why nobody could log in, in words for somebody who has not read the API."""
    wait = f" Try again in {max(1, -(-error.retry_after_s // 60))} min." if error.retry_after_s else ""
    if error.status == 401:
        return "The user name or the password is wrong."
    if error.status == 423:
        return f"This account is locked after too many failed logins.{wait}"
    if error.status == 429:
        return f"Too many logins from your address.{wait}"
    return str(error)
