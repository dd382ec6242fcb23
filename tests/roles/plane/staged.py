"""Runs a play in namespaces of its own, on a node whose DKIM keys the tests know."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fleet.inventory import NodeModel
from fleet.paths import cache_directory, project_root
from fleet.render import TreeRenderer, write_bundle
from infra.configure.prepare import tool_members
from lab.image.build import image_id, image_root
from tests.roles.edited import with_secrets
from tests.roles.plane.play import ROLES

PRIVATE = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def played(module: str, node: NodeModel, directory: Path) -> dict[str, Any]:
    """What `python -m MODULE IMAGE WORK BUNDLE` prints; skips the test when there is no image."""
    image = image_root(cache_directory(), image_id())
    if image is None:
        pytest.skip("the lab's image has not been built; `mtafleet lab image` builds it")
    work, bundle = directory / "stage", directory / "bundle.pyz"
    work.mkdir()
    pem = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    signing = with_secrets(node, dkim={domain: {"s1": pem} for domain in node.environment.domains})
    renderer = TreeRenderer(project_root() / "templates")
    write_bundle(bundle, [renderer.render(role, signing) for role in ROLES], tool_members(project_root()))
    done = subprocess.run(
        [*PRIVATE, sys.executable, "-m", module, str(image), str(work), str(bundle)],
        cwd=project_root(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def public_key(name: bytes, timeout: int = 5) -> bytes:
    """Answers a verifier's DNS question."""
    assert name in (b"s1._domainkey.shop.example.", b"s1._domainkey.news.example.")
    der = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + b"".join(der.splitlines()[1:-1])
