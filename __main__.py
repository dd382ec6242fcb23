"""What the Pulumi engine runs. A module at the root, so that every room can be imported."""

from infra.program import main

main()
