"""The invariants of `fleet.invariants` held against resources, with every preview and `up`.

Judges never touch a value that is still unknown: whose values those will be is told by what they depend on.
So they hold in the very first preview, when no address exists yet.
"""
