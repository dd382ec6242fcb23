"""A stand-in for Pulumi's AWS provider plugin, over a simulated AWS (moto) on loopback.

For tests and for trying out. It refuses every endpoint that is not loopback; see docs/aws-standin.md.
"""
