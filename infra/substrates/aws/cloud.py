"""What every module of a fleet on AWS needs: the environment, and a provider for each site."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from fleet.errors import MtafleetError
from fleet.spec.aws import Aws, AwsPlace
from fleet.spec.models import Environment
from fleet.topology import Fleet
from infra.stack_settings import StackSettings

GLOBAL_REGION = "us-east-1"
"""Where AWS serves what has no region: Route 53, IAM, budgets."""


class Cloud:
    """The account as this stack sees it.

    Providers refuse to work in any other account than the environment's.
    """

    def __init__(self, environment: Environment, settings: StackSettings) -> None:
        if environment.aws is None:
            raise MtafleetError("an environment on the substrate `aws` needs the section `aws`")
        self.environment = environment
        self.settings = settings
        self.fleet = Fleet.of(environment)
        self.spec: Aws = environment.aws
        self.places: Mapping[str, AwsPlace] = dict(_places(environment))
        self.networks = self.fleet.site_networks()
        self._providers = {site: self._provider(f"aws-{site}", place) for site, place in self.places.items()}
        self._everywhere = self._provider("aws-global", None)

    @property
    def name(self) -> str:
        return self.environment.environment

    def tags(self, name: str) -> dict[str, str]:
        """Tags of everything that can bear them."""
        return {"Name": f"{self.name}-{name}", "mtafleet-environment": self.name}

    def at(
        self,
        site: str | None,
        parent: pulumi.Resource | None = None,
        *,
        protect: bool = False,
        aliases: Sequence[str] = (),
        depends_on: Sequence[pulumi.Resource] = (),
    ) -> pulumi.ResourceOptions:
        """Options for a resource at a site, or of a service without region (None).

        `aliases` are names the resource had before.
        """
        provider = self._providers[site] if site is not None else self._everywhere
        return pulumi.ResourceOptions(
            parent=parent,
            provider=provider,
            protect=protect or None,
            aliases=[pulumi.Alias(name=name) for name in aliases] or None,
            depends_on=list(depends_on) or None,
        )

    def _provider(self, name: str, place: AwsPlace | None) -> aws.Provider:
        return aws.Provider(
            name,
            region=place.region if place else GLOBAL_REGION,
            allowed_account_ids=[self.spec.account],
        )


def _places(environment: Environment) -> Sequence[tuple[str, AwsPlace]]:
    sites = [(name, region.aws) for name, region in environment.regions.items()]
    sites.append((environment.witness.site, environment.witness.aws))
    return [(name, place) for name, place in sites if place is not None]
