"""The API's description (OpenAPI 3.1), generated from the routes and their models."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from failover.api.models import Problem
from failover.api.routes import ROUTES, Route, responses
from fleet.api_tokens import ApiRole

VERSION = "1"
_WHO = {ApiRole.READER: "a reader", ApiRole.OPERATOR: "an operator"}
_REFERENCE = "#/components/schemas/{model}"
_ABOUT = (
    "What a node's failover daemon knows and does, and what people order. An order holds on the node that is "
    "asked, and with `everywhere=true` on all others too."
)


def description(server: str) -> dict[str, Any]:
    """The document, for the API that is reached at `server`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "mtafleet failover daemon", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A reader's token for GET, an operator's for everything.",
                }
            },
        },
    }


@cache
def _schemas() -> dict[str, Any]:
    used = [model for route in ROUTES for model in (route.gives, route.body) if model is not None]
    models = [(model, "validation") for model in dict.fromkeys([*used, Problem])]
    _, found = models_json_schema(models, ref_template=_REFERENCE)  # type: ignore[arg-type]
    schemas: dict[str, Any] = found["$defs"]
    return schemas


@cache
def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Needs the token of {_WHO[route.role]}.",
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {
            "200": {"description": "OK", "content": {route.content_type: {"schema": _given(route)}}},
            **{str(status): _problem(says) for status, says in responses(route).items()},
        },
    }
    if route.body is not None:
        content = {"application/json": {"schema": _reference(route.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _given(route: Route) -> dict[str, Any]:
    if route.gives is not None:
        return _reference(route.gives)
    return {"type": "object"} if route.content_type == "application/json" else {"type": "string"}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    if "{node}" not in route.path:
        return []
    schema = {"type": "string"}
    return [
        {"name": "node", "in": "path", "required": True, "description": "A node's name.", "schema": schema}
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    properties = route.query.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in properties.items()
    ]


def _problem(says: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _reference(Problem)}}
    return {"description": says, "content": content}


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
