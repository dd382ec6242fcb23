"""Images that others publish in the simulated AWS, which has none of its own."""

from datetime import datetime

from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami

from infra.images import DEBIAN_OWNER
from lab.aws.config import ACCOUNT


def share_image(
    region: str,
    image: str,
    name: str,
    *,
    day: str = "2026-09-01",
    owner: str = DEBIAN_OWNER,
    machine: str = "x86_64",
) -> None:
    """Publish an image; the simulated AWS must be serving in this process."""
    backend = ec2_backends[ACCOUNT][region]
    backend.amis[image] = Ami(
        backend,
        image,
        name=name,
        owner_id=owner,
        architecture=machine,
        creation_date=datetime.fromisoformat(f"{day}T00:00:00"),
        public=True,
        region_name=f"{region}a",
    )
