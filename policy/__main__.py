"""What Pulumi's engine starts: `pulumi preview --policy-pack policy`."""

from policy.pack import run

run()
