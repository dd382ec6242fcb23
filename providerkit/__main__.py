"""`python3 -m providerkit PACKAGE MODULE [ENGINE]`: what a provider's launcher script runs.

MODULE holds the provider's resource kinds as a tuple called `KINDS`; ENGINE is the engine's address.
"""

import sys

from providerkit.slim import use_messages_alone

if __name__ == "__main__":
    use_messages_alone()

    from providerkit.serve import serve  # must not load the SDK's messages any earlier

    serve(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
