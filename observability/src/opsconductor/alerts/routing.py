"""Which routes an alert takes, and which group of each it belongs to."""

from collections.abc import Iterator, Mapping

from opsconductor.alerts.config import Route
from opsconductor.alerts.matchers import match_all
from opsconductor.model.labels import Labels, format_labels, sort_labels


def find_routes(route: Route, labels: Mapping[str, str]) -> Iterator[Route]:
    """The deepest matching routes; a match ends the search among its siblings unless `continue` is set."""
    if not match_all(route.matchers, labels):
        return
    taken = False
    for child in route.routes:
        found = list(find_routes(child, labels))
        yield from found
        taken = taken or bool(found)
        if found and not child.goes_on:
            break
    if not taken:
        yield route


def group_labels(route: Route, labels: Mapping[str, str]) -> Labels:
    """The labels that name the alert's group on this route."""
    if route.group_by is None:
        return sort_labels(labels)
    return sort_labels({name: labels[name] for name in route.group_by if name in labels})


def group_key(route: Route, labels: Labels) -> str:
    """The group's key as receivers see it: {}/{severity="page"}:{alertname="Down"}."""
    return f"{route.key}:{format_labels(labels)}"


def walk_routes(route: Route) -> Iterator[Route]:
    """The route and all below it."""
    yield route
    for child in route.routes:
        yield from walk_routes(child)
