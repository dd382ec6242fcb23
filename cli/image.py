"""`mtafleet image update NAME`: which image new machines of a fleet on AWS boot."""

from collections.abc import Mapping

import click

from cli.runs import alone
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from infra.aws_stack import AwsStack
from infra.image_config import pin_images, pinned_images
from infra.images import Image, ImageError, find_image, find_images, regions_of


@click.group()
def image() -> None:
    """Machine images of a fleet on AWS."""


@image.command()
@click.argument("environment")
@click.option("--region", metavar="REGION", help="Only this AWS region, or the fleet's region of that name.")
@click.option("--image", "image_id", metavar="AMI", help="This image instead of the newest; needs --region.")
@click.option("--dry-run", is_flag=True, help="Show what would be pinned; write nothing.")
def update(environment: str, *, region: str | None, image_id: str | None, dry_run: bool) -> None:
    """Pin the newest official Debian 13 image (amd64) of each AWS region for new machines.

    Writes `mtafleet:images` of the fleet's stack, or nothing when any region fails. Machines that exist keep
    what they boot until they are replaced, one by one.
    """
    spec = load_environment(environment)
    stack = AwsStack.of(spec, "fleet")
    with alone(spec.environment, "image"):
        stack.require_itself()
        before = pinned_images(stack)
        found = _look_up(spec, region, image_id)
        _show(before, found)
        fresh = {name: one.id for name, one in found.items() if before.get(name) != one.id}
        if fresh and not dry_run:
            pin_images(stack, fresh)
    click.echo(_outcome(stack.name, len(fresh), dry_run=dry_run))


def _look_up(spec: Environment, region: str | None, image_id: str | None) -> Mapping[str, Image]:
    if image_id is not None and region is None:
        raise click.UsageError("an image exists in one region only: name that with --region")
    regions = regions_of(spec) if region is None else [_aws_region(spec, region)]
    if image_id is None:
        return find_images(regions)
    return {regions[0]: find_image(regions[0], image_id)}


def _aws_region(spec: Environment, name: str) -> str:
    """The AWS region meant by its code or by the name of the fleet's site there; ImageError for any other."""
    places = {site: place.aws for site, place in spec.regions.items()}
    places[spec.witness.site] = spec.witness.aws
    codes = {site: place.region for site, place in places.items() if place is not None}
    if name in codes.values():
        return name
    if name not in codes:
        known = ", ".join(f"{code} ({site})" for site, code in codes.items())
        raise ImageError(f"{spec.environment} has no machines in `{name}`: its AWS regions are {known}")
    return codes[name]


def _show(before: Mapping[str, str], found: Mapping[str, Image]) -> None:
    """A line for each region: what is pinned, what was found and whose it is."""
    for region, one in found.items():
        old = before.get(region, "none")
        change = f"{old} (unchanged)" if old == one.id else f"{old} -> {one.id}"
        owner = "" if one.official else f", not Debian's but of account {one.owner}"
        click.echo(f"{region}: {change}: {one.name} of {one.created[:10]}{owner}")


def _outcome(stack: str, fresh: int, *, dry_run: bool) -> str:
    if not fresh:
        return f"{stack}: the images are up to date, nothing was written."
    if dry_run:
        return f"{stack}: {fresh} would change; nothing was written."
    return (
        f"{stack}: {fresh} pinned. Machines that exist keep theirs until they are replaced: "
        "docs/aws.md, Changing images."
    )
