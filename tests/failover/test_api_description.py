"""The API's description: every route is in it, it is well formed, and real answers are as it says."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from failover.api.openapi import description
from failover.api.routes import ROUTES, Route
from failover.decide import Check
from fleet.api_tokens import ApiRole
from fleet.paths import project_root
from tests.failover.api_stage import Stage, stage_in

SIGNED = {"owner": "ada@ops-1", "reason": "new disk", "seconds": 1800}
PAGE = (project_root() / "docs" / "api.md").read_text()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_in(tmp_path) as one:
        events = [{"at": 5.0, "observer": "east-1", "kind": "down", "node": "west-1", "reason": "Gone."}]
        one.settings.events_file.write_text("".join(json.dumps(event) + "\n" for event in events))
        one.rig.see(False, Check.NOOP, times=2)
        yield one


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = description("https://e")["paths"][route.path][route.method.lower()]
    return found


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Of a schema that refers to the document's components."""
    return Draft202012Validator({**schema, "components": description("https://e")["components"]})


def test_every_route_is_described_and_nothing_else() -> None:
    document = description("https://198.51.100.11:10443")
    assert (document["openapi"], document["servers"][0]["url"]) == ("3.1.0", "https://198.51.100.11:10443")
    described = {(method.upper(), path) for path, one in document["paths"].items() for method in one}
    assert described == {(route.method, route.path) for route in ROUTES}
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    document = description("https://e")
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    wanted = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert wanted == set(schemas)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_parameters_and_bodies_are_described(route: Route) -> None:
    told = operation(route)
    places = {one["name"]: one["in"] for one in told["parameters"]}
    query = set(route.query.model_fields) if route.query else set()
    assert {name for name, place in places.items() if place == "query"} == query
    assert ("{node}" in route.path) == (places.get("node") == "path")
    assert ("requestBody" in told) == (route.body is not None)
    assert {"200", "401", "503"} <= set(told["responses"])
    assert ("403" in told["responses"]) == (route.role is ApiRole.OPERATOR)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_a_real_answer_is_as_described(stage: Stage, route: Route) -> None:
    body = {**SIGNED, **({"to": "in"} if route.name == "override" else {})} if route.body else None
    reply = await stage.ask(route.method, route.path.replace("{node}", "west-1"), ApiRole.OPERATOR, body)
    assert (reply.status, reply.headers["Content-Type"]) == (200, route.content_type)
    told = operation(route)
    if route.content_type == "application/json":
        validator(told["responses"]["200"]["content"]["application/json"]["schema"]).validate(reply.json)
    if route.gives is not None:
        route.gives.model_validate(reply.json)
        assert set(route.gives.model_fields) - set(reply.json) <= {"overrides", "pause", "elsewhere"}
    if body is not None:
        validator(told["requestBody"]["content"]["application/json"]["schema"]).validate(body)


async def test_a_problem_is_as_described(stage: Stage) -> None:
    told = operation(ROUTES[0])["responses"]["401"]["content"]["application/problem+json"]["schema"]
    reply = await stage.ask("GET", ROUTES[0].path, None)
    validator(told).validate(reply.json)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_on_its_page(route: Route) -> None:
    assert f"| `{route.method} {route.path}` | {route.role} |" in PAGE


async def test_every_metric_is_on_its_page(stage: Stage) -> None:
    await stage.ask("GET", "/v1/status")
    text = (await stage.ask("GET", "/metrics")).body.decode()
    names = {
        sample.name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert len(names) > 20
    assert sorted(name for name in names if f"`{name}`" not in PAGE) == []
