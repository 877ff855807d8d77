"""Templates and the filters that they use."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse

from frontend_service.session import Session
from opsconductor_telemetry import current_trace_id

NOTICES = {
    "target-created": "The target was created.",
    "target-deleted": "The target was deleted.",
    "job-created": "The job was created.",
    "job-deleted": "The job was deleted.",
    "run-queued": "The run was queued.",
    "schedule-created": "The schedule was created.",
    "schedule-deleted": "The schedule was deleted.",
    "user-created": "The user was created.",
    "user-deleted": "The user was deleted.",
    "password-changed": "The password was changed.",
    "logged-out": "You are logged out.",
}
HERE = Path(__file__).parent
PAGE_SIZE = 50


def show_time(value: object) -> str:
    """An API's RFC 3339 time as a <time> element in UTC; a dash for none, other text as it is."""
    if not value:
        return "–"
    try:
        moment = datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return str(value)
    shown = moment.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{} <abbr title="Coordinated Universal Time">UTC</abbr></time>').format(
        moment.isoformat(), shown
    )


def show_duration(milliseconds: object) -> str:
    """Milliseconds in the unit that reads best."""
    if not isinstance(milliseconds, int | float):
        return "–"
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"


def show_status(status: object) -> str:
    """A run's or result's status as a badge: colour and word, never colour alone."""
    return Markup('<span class="status status-{0}">{0}</span>').format(escape(status))


def make_templates() -> Jinja2Templates:
    """The folder `templates`, with everything escaped that is not markup of our own."""
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True)
    # a new style sheet has a new address, so that browsers may keep the old one
    environment.globals["style_version"] = hashlib.sha256((HERE / "static/style.css").read_bytes()).hexdigest()[:12]
    environment.filters |= {"moment": show_time, "duration": show_duration, "status": show_status}
    return Jinja2Templates(env=environment)


TEMPLATES = make_templates()


def render(request: Request, name: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """The page `name`.html; `user` is the session's where there is one, `trace_id` the request's."""
    session: Session | None = getattr(request.state, "session", None)
    shared = {
        "user": session.user if session else None,
        "trace_id": current_trace_id(),
        "notice": NOTICES.get(request.query_params.get("notice", "")),
    }
    return TEMPLATES.TemplateResponse(request, f"{name}.html", {**shared, **context}, status_code=status)


def redirect(path: str, notice: str = "") -> RedirectResponse:
    """To a page of this site after a form was accepted; `notice` is a key of NOTICES that is shown there."""
    return RedirectResponse(f"{path}?notice={notice}" if notice else path, status_code=303)


@dataclass(frozen=True)
class Paging:
    """Which part of a list a page shows; counted from `offset` (0 is the first)."""

    offset: int
    total: int = 0

    @property
    def query(self) -> dict[str, str | int]:
        """What the API is asked for."""
        return {"limit": PAGE_SIZE, "offset": self.offset}

    def of(self, total: object) -> "Paging":
        """The same part of a list of this length."""
        return Paging(self.offset, total if isinstance(total, int) else 0)

    @property
    def previous(self) -> int | None:
        """The offset of the part before, None at the start."""
        return max(0, self.offset - PAGE_SIZE) if self.offset else None

    @property
    def next(self) -> int | None:
        """The offset of the part after, None at the end."""
        return self.offset + PAGE_SIZE if self.offset + PAGE_SIZE < self.total else None


def read_paging(request: Request) -> Paging:
    """The part that ?offset= asks for; anything that is no offset is the start."""
    text = request.query_params.get("offset", "")
    return Paging(int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0)


Part = Annotated[Paging, Depends(read_paging)]
