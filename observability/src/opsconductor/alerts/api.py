"""API v2 as amtool, rule evaluators and dashboards call it. Spec: Alertmanager api/v2/openapi.yaml."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from opsconductor import __version__
from opsconductor.alerts.alert import Alert, format_time, parse_time
from opsconductor.alerts.config import AlertsConfig
from opsconductor.alerts.dispatch import Clock, Dispatcher
from opsconductor.alerts.matchers import Matcher, match_all, parse_matchers
from opsconductor.alerts.mute import Muter
from opsconductor.alerts.routing import find_routes
from opsconductor.alerts.silence import Silence, expire_silence, revise_silence, silence_from_json, silence_to_json
from opsconductor.alerts.state import State
from opsconductor.model.errors import InputError
from opsconductor.model.labels import is_label_name


class Api:
    """The handlers; `routes()` mounts them, also below /alertmanager, where dashboards look first."""

    def __init__(
        self,
        config: AlertsConfig,
        state: State,
        muter: Muter,
        dispatcher: Dispatcher,
        started: datetime,
        clock: Clock,
    ) -> None:
        self._config, self._state, self._muter, self._dispatcher = config, state, muter, dispatcher
        self._started, self._clock = started, clock

    def routes(self) -> list[BaseRoute]:
        """Every path of the API."""
        paths: list[BaseRoute] = [
            Route("/api/v2/status", self.status, methods=["GET"]),
            Route("/api/v2/receivers", self.receivers, methods=["GET"]),
            Route("/api/v2/alerts", self.alerts, methods=["GET"]),
            Route("/api/v2/alerts", self.post_alerts, methods=["POST"]),
            Route("/api/v2/alerts/groups", self.groups, methods=["GET"]),
            Route("/api/v2/silences", self.silences, methods=["GET"]),
            Route("/api/v2/silences", self.post_silence, methods=["POST"]),
            Route("/api/v2/silence/{id}", self.silence, methods=["GET"]),
            Route("/api/v2/silence/{id}", self.delete_silence, methods=["DELETE"]),
            Route("/api/v1/{rest:path}", self.gone, methods=["GET", "POST"]),
            Route("/-/healthy", self.healthy, methods=["GET", "HEAD"]),
            Route("/-/ready", self.healthy, methods=["GET", "HEAD"]),
        ]
        return [*paths, Mount("/alertmanager", routes=paths)]

    async def healthy(self, _request: Request) -> Response:
        """OK."""
        return PlainTextResponse("OK")

    async def gone(self, _request: Request) -> Response:
        """API v1 was removed."""
        return JSONResponse({"status": "deprecated", "error": "API v1 was removed; use /api/v2"}, 410)

    async def status(self, _request: Request) -> Response:
        """Version, uptime and the configuration with its secrets hidden."""
        version = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
        return JSONResponse(
            {
                "cluster": {"name": "", "status": "disabled", "peers": []},
                "versionInfo": {**version, "version": __version__},
                "config": {"original": self._config.original},
                "uptime": format_time(self._started),
            }
        )

    async def receivers(self, _request: Request) -> Response:
        """Names of the receivers."""
        return JSONResponse([{"name": name} for name in self._config.receivers])

    async def alerts(self, request: Request) -> Response:
        """Firing alerts with their state."""
        shown = self._filter(
            request, [one for one in self._state.alerts.values() if not one.is_resolved(self._clock())]
        )
        return JSONResponse([self._show(one) for one in shown])

    async def groups(self, request: Request) -> Response:
        """Groups with their alerts."""
        now, answer = self._clock(), []
        for group in sorted(self._dispatcher.groups.values(), key=lambda one: (one.labels, one.route.receiver)):
            members = [self._state.alerts[one] for one in group.members if one in self._state.alerts]
            shown = self._filter(request, [one for one in members if not one.is_resolved(now)])
            if shown:
                receiver = {"name": group.route.receiver}
                answer.append(
                    {"labels": dict(group.labels), "receiver": receiver, "alerts": [*map(self._show, shown)]}
                )
        return JSONResponse(answer)

    def _filter(self, request: Request, alerts: Sequence[Alert]) -> list[Alert]:
        query, now = request.query_params, self._clock()
        matchers = _read_filter(request)
        wanted = {name: query.get(name, "true") != "false" for name in ("active", "silenced", "inhibited")}
        receiver = query.get("receiver")
        shown = []
        for alert in alerts:
            silenced = bool(self._muter.silenced_by(alert.labels, now))
            inhibited = bool(self._muter.inhibited_by(alert.labels, now))
            if (silenced and not wanted["silenced"]) or (inhibited and not wanted["inhibited"]):
                continue
            if not (silenced or inhibited) and not wanted["active"]:
                continue
            names = {route.receiver for route in find_routes(self._config.route, alert.labels)}
            if match_all(matchers, alert.labels) and (receiver is None or receiver in names):
                shown.append(alert)
        return sorted(shown, key=lambda one: one.fingerprint)

    def _show(self, alert: Alert) -> dict[str, Any]:
        now = self._clock()
        silenced, inhibited = self._muter.silenced_by(alert.labels, now), self._muter.inhibited_by(alert.labels, now)
        receivers = dict.fromkeys(route.receiver for route in find_routes(self._config.route, alert.labels))
        return {
            "annotations": dict(alert.annotations),
            "endsAt": format_time(alert.ends_at),
            "fingerprint": alert.fingerprint,
            "receivers": [{"name": name} for name in receivers],
            "startsAt": format_time(alert.starts_at),
            "status": {
                "inhibitedBy": inhibited,
                "mutedBy": [],
                "silencedBy": silenced,
                "state": "suppressed" if silenced or inhibited else "active",
            },
            "updatedAt": format_time(alert.updated_at),
            "generatorURL": alert.generator_url,
            "labels": dict(alert.labels),
        }

    async def post_alerts(self, request: Request) -> Response:
        """Take alerts; the good ones of a partly bad body are kept, the answer is then 400 with what was wrong."""
        body = await _read_json(request)
        if not isinstance(body, list):
            raise InputError("cannot read alerts: the body must be a JSON list")
        now, good, errors = self._clock(), [], []
        for one in body:
            try:
                good.append(self._read_alert(one, now))
            except InputError as error:
                errors.append(str(error))
        for alert in self._state.put_alerts(good):
            self._dispatcher.add(alert)
        if errors:
            raise InputError("; ".join(errors))
        return JSONResponse({})

    def _read_alert(self, data: Any, now: datetime) -> Alert:
        if not isinstance(data, dict) or not isinstance(data.get("labels"), dict):
            raise InputError("cannot read alert: labels are missing")
        labels = {str(name): str(value) for name, value in data["labels"].items() if value != ""}
        if not labels:
            raise InputError("cannot read alert: at least one label pair required")
        for name in labels:
            if not is_label_name(name):
                raise InputError(f"cannot read alert: invalid label name {name!r}")
        annotations = {str(name): str(value) for name, value in (data.get("annotations") or {}).items()}
        given_start, given_end = data.get("startsAt"), data.get("endsAt")
        ends_at = parse_time(str(given_end)) if given_end and not str(given_end).startswith("0001-") else None
        starts_at = parse_time(str(given_start)) if given_start and not str(given_start).startswith("0001-") else None
        if ends_at is None:
            ends_at = now + timedelta(seconds=self._config.resolve_timeout_s)
        if starts_at is None:
            starts_at = min(now, ends_at)
        if ends_at < starts_at:
            raise InputError("cannot read alert: start time must be before end time")
        return Alert(labels, annotations, starts_at, ends_at, now, str(data.get("generatorURL") or ""))

    def _show_silence(self, silence: Silence) -> dict[str, Any]:
        return {**silence_to_json(silence), "status": {"state": silence.state(self._clock())}}

    async def silences(self, request: Request) -> Response:
        """All silences: active first, then pending, then expired, each by what ends or begins next."""
        matchers = _read_filter(request)
        now = self._clock()
        rank = {"active": 0, "pending": 1, "expired": 2}
        shown = [one for one in self._state.silences.values() if _names_match(one, matchers)]
        for state in rank:
            if request.query_params.get(state) == "false":
                shown = [one for one in shown if one.state(now) != state]
        shown.sort(
            key=lambda one: (rank[one.state(now)], one.ends_at if one.state(now) == "active" else one.starts_at)
        )
        return JSONResponse([self._show_silence(one) for one in shown])

    async def silence(self, request: Request) -> Response:
        """One silence, or 404."""
        found = self._state.silences.get(request.path_params["id"])
        return JSONResponse(self._show_silence(found)) if found else Response(status_code=404)

    async def post_silence(self, request: Request) -> Response:
        """Make or change a silence; answers its id."""
        body = await _read_json(request)
        if not isinstance(body, dict):
            raise InputError("cannot read silence: the body must be a JSON object")
        asked = silence_from_json(body)
        old = self._state.silences.get(asked.id) if asked.id else None
        if asked.id and old is None:
            return PlainTextResponse(f"silence {asked.id} not found", 404)
        new, expired = revise_silence(old, asked, self._clock())
        if expired is not None:
            self._state.put_silence(expired)
        self._state.put_silence(new)
        return JSONResponse({"silenceID": new.id})

    async def delete_silence(self, request: Request) -> Response:
        """Expire a silence."""
        found = self._state.silences.get(request.path_params["id"])
        if found is None:
            return Response(status_code=404)
        if found.state(self._clock()) == "expired":
            return PlainTextResponse(f"silence {found.id} already expired", 500)
        self._state.put_silence(expire_silence(found, self._clock()))
        return Response(status_code=200)


def _read_filter(request: Request) -> tuple[Matcher, ...]:
    return tuple(one for text in request.query_params.getlist("filter") for one in parse_matchers(text))


def _names_match(silence: Silence, filters: Sequence[Matcher]) -> bool:
    """A filter on silences looks at what their matchers are about."""
    return match_all(filters, {one.name: one.value for one in silence.matchers})


async def _read_json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise InputError(f"cannot read body: it is not JSON ({error})") from error
