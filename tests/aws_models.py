"""AWS's service models, read once for all tests: each session of boto3 would read megabytes of them anew."""

from functools import cache

import botocore.session


def share_models() -> None:
    """Have every session in this process take its models from one loader for each search path."""
    if not hasattr(botocore.session.create_loader, "cache_info"):
        botocore.session.create_loader = cache(botocore.session.create_loader)
