"""What the program registers, as the policy pack is shown it when nothing computed is known yet."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from fleet.spec.models import Environment
from policy.seen import Seen
from policy.whole import WHOLE
from tests.infra.aws_run import AwsRun

SECRET = "4dabf18193072939515e22adb298388d"


def shown(run: AwsRun, *, known: bool = False) -> list[Seen]:
    """The resources of a stack; unless `known`, every property made of another resource is unknown."""
    return [one for _key, one in _shown(run, known)]


def _shown(run: AwsRun, known: bool) -> Iterator[tuple[tuple[str, str], Seen]]:
    for key, one in run.mocks.resources.items():
        depends = run.mocks.requests[key].propertyDependencies
        made_of = {name: [_type_and_name(urn) for urn in listed.urns] for name, listed in depends.items()}
        props = {
            name: UNKNOWN_STRING_VALUE if made_of.get(name) and not known else _plain(value)
            for name, value in one.inputs.items()
        }
        used = {name: listed for name, listed in made_of.items() if listed}
        yield key, Seen(key[0], key[1], unknown_checking_proxy(props), one.protect, "", used)


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, Mapping) and SECRET in value else value


def _type_and_name(urn: str) -> tuple[str, str]:
    _stack, _project, types, name = urn.split("::", 3)
    return types.rpartition("$")[2], name


def without(stack: list[Seen], kind: str, name: str) -> list[Seen]:
    """The stack with one resource less."""
    return [one for one in stack if (one.type, one.name) != (kind, name)]


def changed(stack: list[Seen], kind: str, name: str, **update: Any) -> list[Seen]:
    """The stack with one resource changed; `props` are laid over its own."""
    found = []
    for one in stack:
        if (one.type, one.name) == (kind, name):
            props = dict(one.props._DictProxy__target)  # type: ignore[attr-defined]
            more = {**update, "props": unknown_checking_proxy({**props, **update.get("props", {})})}
            found.append(replace(one, **more))
        else:
            found.append(one)
    assert any((one.type, one.name) == (kind, name) for one in found), (kind, name)
    return found


def verdict(judge: str, stack: list[Seen], environment: Environment, as_of: date) -> list[str]:
    """What one judge of the whole stack says."""
    return list(WHOLE[judge][0](stack, environment, as_of))
