# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP calls as OpenAPI, made of the routes and of the table of verbs."""

from typing import Any

from starlette.routing import BaseRoute
from starlette.schemas import BaseSchemaGenerator

from percast import __version__
from percast.tools.controls.table import VERBS
from percast.tools.view.messages import OF_PICTURE

_OK = {"200": {"description": "done"}}
_NOW = {
    "type": "object",
    "properties": {
        "ok": {"const": True},
        "now": {"description": "what is in force now"},
        "hint": {"type": ["string", "null"]},
    },
}
_KEY = {
    "name": "picture", "in": "query", "required": False, "schema": {"type": "string"},
    "description": "key of a picture, as the page is told it; without, the one on show",
}  # fmt: skip


def schema(routes: list[BaseRoute]) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes that are calls."""
    paths: dict[str, Any] = {}
    for endpoint in BaseSchemaGenerator().get_endpoints(routes):
        name = endpoint.path.removeprefix("/api/")
        if name not in VERBS:
            # `python -OO` has no docstrings.
            call: dict[str, Any] = {"summary": endpoint.func.__doc__ or "", "responses": _OK}
            if endpoint.path.endswith(".png"):
                call["parameters"] = [_KEY]
        else:
            call = _of_verb(name)
        paths.setdefault(endpoint.path, {})[endpoint.http_method] = call
    return {
        "openapi": "3.1.0",
        "info": {"title": "percast --view", "version": __version__},
        "paths": paths,
    }


def _of_verb(name: str) -> dict[str, Any]:
    verb = VERBS[name]
    fields = {"value": verb.schema()}
    if name in OF_PICTURE:
        fields["picture"] = {"type": "string", "description": _KEY["description"]}
    body = {
        "type": "object", "properties": fields, "required": ["value"],
        "additionalProperties": False,
    }  # fmt: skip
    done = {"description": "done", "content": {"application/json": {"schema": _NOW}}}
    refusals = {
        "400": {"description": "it makes no sense"},
        "409": {"description": "this link cannot"},
        "429": {"description": "too many calls"},
        "503": {"description": "the link ends before it is done"},
    }
    return {
        "summary": verb.summary,
        "tags": [verb.group.value],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": done} | refusals,
    }
