"""The pinned images in a stack's configuration (`mtafleet:images` of `Pulumi.NAME.yaml`)."""

import json
from collections.abc import Mapping

from infra.aws_stack import AwsStack

KEY = "mtafleet:images"


def pinned_images(stack: AwsStack) -> dict[str, str]:
    """Image ids by AWS region; empty when none is pinned. Raises EngineError when the stack is absent."""
    document = json.loads(stack.call(["config", "--json"]))
    value = document.get(KEY, {}).get("objectValue") or {}
    return {str(region): str(image) for region, image in value.items()}


def pin_images(stack: AwsStack, images: Mapping[str, str]) -> None:
    """Set the images of these regions, all in one write; what is pinned for others stays."""
    settings = [
        word for region, image in images.items() for word in ("--plaintext", f'{KEY}["{region}"]={image}')
    ]
    stack.call(["config", "set-all", "--path", *settings])
