"""`python3 -m lab.aws [ENGINE]`: what the stand-in's launcher runs; ENGINE is the engine's address."""

import sys

from providerkit.slim import use_messages_alone

if __name__ == "__main__":
    use_messages_alone()

    from lab.aws.plugin import AwsPlugin  # must not load the SDK's messages any earlier
    from providerkit.serve import run

    run(AwsPlugin(sys.argv[1] if len(sys.argv) > 1 else None))
