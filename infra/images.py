"""Machine images for new machines: which official Debian image is the newest in each AWS region."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.errors import MtafleetError
from fleet.spec.models import Environment

# The account that publishes Debian's images in AWS's commercial regions: https://wiki.debian.org/Cloud/AmazonEC2Image
# (the page for trixie lists their ids by region). Other accounts publish images under the same names.
DEBIAN_OWNER = "136693071363"
NAME_PATTERN = "debian-13-amd64-*"
ARCHITECTURE = "x86_64"
_RELEASE = re.compile(r"debian-13-amd64-\d{8}-\d+")
"""Not the daily builds, nor the variant with backports, which the pattern above would admit."""
IMAGE_ID = re.compile(r"ami-[0-9a-f]{8}(?:[0-9a-f]{9})?")

_CONNECT_SECONDS, _READ_SECONDS = 10, 30

Client = Callable[[str], Any]
"""A client of EC2 in an AWS region, as boto3 makes it."""


class ImageError(MtafleetError):
    """No image can be named for a region."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image in one region; `created` is AWS's time stamp (ISO 8601, UTC)."""

    id: str
    name: str
    owner: str
    created: str

    @property
    def official(self) -> bool:
        return self.owner == DEBIAN_OWNER


def regions_of(environment: Environment) -> list[str]:
    """The AWS regions in which an environment has machines, the witness's included, in the file's order."""
    places = [region.aws for region in environment.regions.values()]
    places.append(environment.witness.aws)
    return list(dict.fromkeys(place.region for place in places if place is not None))


def find_images(regions: Iterable[str], client: Client | None = None) -> dict[str, Image]:
    """The newest official Debian 13 (amd64) image of each region; ImageError names all that fail."""
    return _each(regions, client or ec2, _newest)


def find_image(region: str, image: str, client: Client | None = None) -> Image:
    """The image with this id, if machines of the fleet can boot it; ImageError otherwise."""
    if not IMAGE_ID.fullmatch(image):
        raise ImageError(f"`{image}` is no image id: write it like `ami-0123456789abcdef0`")
    return _each([region], client or ec2, lambda asked: _named(asked, image))[region]


def ec2(region: str) -> Any:
    """A client with the caller's own credentials."""
    import boto3  # noqa: PLC0415 - takes half a second to load
    from botocore.config import Config  # noqa: PLC0415

    settings = Config(
        connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 3}
    )
    return boto3.client("ec2", region_name=region, config=settings)


def _each(regions: Iterable[str], client: Client, ask: Callable[[Any], Image | str]) -> dict[str, Image]:
    """An answer from each region, or ImageError with every region that gave none."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    found: dict[str, Image] = {}
    problems = []
    for region in regions:
        try:
            answer = ask(client(region))
        except (BotoCoreError, ClientError) as error:
            answer = str(error)
        if isinstance(answer, Image):
            found[region] = answer
        else:
            problems.append(f"  {region}: {answer}")
    if problems:
        listed = "\n".join(problems)
        raise ImageError(f"no image could be told for every region, nothing was written:\n{listed}")
    return found


def _newest(client: Any) -> Image | str:
    filters = {"name": NAME_PATTERN, "architecture": ARCHITECTURE, "state": "available"}
    listed = _described(client, Owners=[DEBIAN_OWNER], Filters=_filters(filters))
    releases = [one for one in listed if _RELEASE.fullmatch(one.name)]
    if not releases:
        return (
            f"account {DEBIAN_OWNER} shows no image called {NAME_PATTERN}: name one with --image and --region"
        )
    return max(releases, key=lambda one: (one.created, one.name))


def _named(client: Any, image: str) -> Image | str:
    filters = {"image-id": image, "architecture": ARCHITECTURE, "state": "available"}
    listed = _described(client, Filters=_filters(filters))
    return (
        listed[0]
        if listed
        else f"there is no available image {image} for {ARCHITECTURE}: ids differ by region"
    )


def _described(client: Any, **query: Any) -> list[Image]:
    pages = client.get_paginator("describe_images").paginate(**query)
    return [
        Image(one["ImageId"], one.get("Name", ""), one.get("OwnerId", ""), one.get("CreationDate", ""))
        for page in pages
        for one in page["Images"]
    ]


def _filters(wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [value]} for name, value in wanted.items()]
