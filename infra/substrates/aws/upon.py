"""What the fleet stack knows of its foundation, through a stack reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import pulumi

from infra.stack_settings import FOUNDATION_SUFFIX


@dataclass(frozen=True, slots=True)
class _Sealed:
    """Outputs that the SDK does not look into: it would search all of them anew for every value taken out."""

    outputs: Mapping[str, Any] | None


class Foundation:
    """The outputs of the stack `NAME-foundation`, each known as soon as that stack has it."""

    def __init__(self, environment: str) -> None:
        self._stack = f"{environment}{FOUNDATION_SUFFIX}"
        name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{self._stack}"
        reference = pulumi.StackReference(self._stack, stack_name=name)
        # Not `require_output`: of a stack without outputs it says no more than a KeyError's traceback.
        outputs: pulumi.Output[Any] = reference.get_output("foundation")
        self._outputs: pulumi.Output[_Sealed] = outputs.apply(_Sealed)
        self._found: dict[tuple[str, ...], pulumi.Output[str]] = {}
        self.secrets: pulumi.Output[Any] = reference.get_output("secrets")

    def allocation(self, private: IPv4Address) -> pulumi.Output[str]:
        """The allocation id of the Elastic IP behind a private address."""
        return self._find("addresses", str(private), "allocation_id")

    def public(self, private: IPv4Address) -> pulumi.Output[str]:
        """The Elastic IP behind a private address."""
        return self._find("addresses", str(private), "public")

    def zone(self, domain: str) -> pulumi.Output[str]:
        """The id of a domain's hosted zone."""
        return self._find("zones", domain, "id")

    def spool(self, node: str) -> pulumi.Output[str]:
        """The id of a node's queue volume."""
        return self._find("spools", node)

    def key(self, site: str) -> pulumi.Output[str]:
        """The ARN of a site's encryption key."""
        return self._find("keys", site)

    def topics(self, sites: Sequence[str]) -> list[pulumi.Output[str]]:
        """The ARNs of the sites' alarm topics."""
        return [self._find("topics", site) for site in sites]

    @property
    def ssh_public_key(self) -> pulumi.Output[str]:
        """The OpenSSH public key whose private half opens every machine."""
        return self._find("ssh_public_key")

    def _find(self, *path: str) -> pulumi.Output[str]:
        if path not in self._found:
            self._found[path] = self._outputs.apply(lambda sealed: found(self._stack, sealed.outputs, path))
        return self._found[path]


def found(stack: str, outputs: Mapping[str, Any] | None, path: Sequence[str]) -> str:
    """The value at `path`; RunError, which ends the program with its message alone, when it is not there."""
    value: Any = outputs
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            raise pulumi.RunError(
                f"stack {stack} has no {' '.join(path)} yet: "
                f"bring it up to date first with `pulumi up --stack {stack}`"
            )
        value = value[key]
    return str(value)
