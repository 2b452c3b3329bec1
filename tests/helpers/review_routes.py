"""Every route of the review, as the application knows them: a new one cannot be left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from flows.review.office import Needs
from flows.users import UserRole

STATIC = "/static"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address; `role` is what its rule asks for, None when it has no rule.

    `rule_first` is whether the rule is asked before the body is looked at.
    """

    method: str
    path: str
    role: UserRole | None
    rule_first: bool

    def at(self, text: str = "x") -> str:
        """An address of the route, with a text in every place where something is named."""
        return re.sub(r"\{[^}]*\}", text, self.path)


def routes_of(app: FastAPI) -> tuple[Route, ...]:
    """Every route, but files of scripts and styles."""
    return tuple(_routes(app.routes))


def _routes(routes: Any) -> Iterator[Route]:
    for route in routes:
        if isinstance(route, APIRoute):
            calls = [one.call for one in route.dependant.dependencies]
            rules = [call for call in calls if isinstance(call, Needs)]
            bodies = [at for at, call in enumerate(calls) if getattr(call, "__name__", "") == "body"]
            role = max((one.role for one in rules), key=list(UserRole).index, default=None)
            first = bool(rules) and all(at > calls.index(rules[0]) for at in bodies)
            for method in sorted(route.methods):
                yield Route(method, route.path, role, first)
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)
        else:
            assert route.path == STATIC, f"{route}: what is it, and who may have it?"
