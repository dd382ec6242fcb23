"""What a Pulumi provider executable written in Python needs: wire values, resource kinds, a gRPC server.

The kit knows neither the fleet nor the lab. A provider declares :class:`providerkit.kind.Kind` subclasses,
one per resource, and a launcher script runs `python3 -m providerkit` on the module that lists them.
"""
