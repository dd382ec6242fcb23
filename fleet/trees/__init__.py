"""Files that a role computes instead of rendering: one module per role with `files(node)`.

A module `fleet.trees.ROLE` is found by name and needs no registration. Its function
`files(node: NodeModel) -> list[TreeFile]` adds to what `templates/ROLE/` holds.
"""
