"""Files that a role computes instead of rendering: one module per role.

A module `fleet.trees.ROLE` is found by name and needs no registration. Its function
`files(node: NodeModel) -> list[TreeFile]` adds to what `templates/ROLE/` holds; its function
`scope(node: NodeModel) -> dict[str, Any]` gives the role's templates names beside `node`. Both are optional.
"""
