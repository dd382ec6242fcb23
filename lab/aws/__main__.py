"""`python3 -m lab.aws [ENGINE]`: what the stand-in's launcher runs; ENGINE is the engine's address."""

import os
import sys

from providerkit.slim import use_messages_alone

_KEPT = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION")


def _forget_credentials() -> None:
    """Leave boto3 nothing of the user's: no profile, no keys, no files."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name not in _KEPT]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


if __name__ == "__main__":
    _forget_credentials()
    use_messages_alone()

    from lab.aws.plugin import AwsPlugin  # must not load the SDK's messages any earlier
    from providerkit.serve import run

    run(AwsPlugin(sys.argv[1] if len(sys.argv) > 1 else None))
