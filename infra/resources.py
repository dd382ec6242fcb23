"""Resource classes of the `mtafleet` provider: keys, shared secrets and recorded settings."""

from collections.abc import Mapping
from typing import Any

import pulumi


class PrivateKey(pulumi.CustomResource):
    """A private key made once and kept in the stack's state; `algorithm` is `rsa2048` or `ed25519`."""

    private_key_pem: pulumi.Output[str]
    public_key_base64: pulumi.Output[str]
    public_key_openssh: pulumi.Output[str]

    def __init__(self, name: str, algorithm: str, opts: pulumi.ResourceOptions | None = None) -> None:
        outputs = {"private_key_pem": None, "public_key_base64": None, "public_key_openssh": None}
        super().__init__("mtafleet:index:PrivateKey", name, {"algorithm": algorithm, **outputs}, opts)


class SharedSecret(pulumi.CustomResource):
    """Random bytes, encoded as `base64` or `base64url`."""

    value: pulumi.Output[str]

    def __init__(
        self, name: str, length_bytes: int, encoding: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        properties = {"length_bytes": length_bytes, "encoding": encoding, "value": None}
        super().__init__("mtafleet:index:SharedSecret", name, properties, opts)


class CertificateAuthority(pulumi.CustomResource):
    """A self-signed root certificate and its key, both PEM."""

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]

    def __init__(self, name: str, common_name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {"common_name": common_name, "certificate_pem": None, "private_key_pem": None}
        super().__init__("mtafleet:index:CertificateAuthority", name, properties, opts)


class Settings(pulumi.CustomResource):
    """Settings that configuration puts into force, recorded so that previews show what changed."""

    def __init__(
        self, name: str, scope: str, values: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtafleet:index:Settings", name, {"scope": scope, "values": dict(values)}, opts)
