"""What a Pulumi provider executable written in Python needs: wire values, resource kinds, a gRPC server.

The kit knows neither the fleet nor the lab. A provider declares :class:`providerkit.kind.Kind` subclasses,
one per resource, and calls :func:`providerkit.serve.serve`.
"""
