"""The users of each pool with their hashed passwords, one file per Postfix instance."""

from fleet import canary
from fleet.inventory import InventoryError, NodeModel
from fleet.passwords import hash_password
from fleet.render import TreeFile

MINIMUM_CHARACTERS = 16


def files(node: NodeModel) -> list[TreeFile]:
    """`/etc/mtafleet/auth/POOL.users` for every instance; InventoryError for a missing password."""
    return [
        TreeFile(
            f"/etc/mtafleet/auth/{instance.name}.users", _users(node, instance.name), "0640", group="dovecot"
        )
        for instance in node.instances
    ]


def _users(node: NodeModel, pool: str) -> str:
    names = [name for name, user in node.environment.users.items() if user.pool == pool]
    lines = [f"{name}:{{SHA512-CRYPT}}{_hash(node, name)}\n" for name in names]
    if canary.senders(node.fleet, pool):
        password = canary.canary_password(node.secrets.tsig.secret.get_secret_value())
        lines.append(f"{canary.USER}:{{SHA512-CRYPT}}{hash_password(password, _salt(node, canary.USER))}\n")
    return "".join(lines)


def _hash(node: NodeModel, user: str) -> str:
    password = node.secrets.users.get(user)
    if password is None or len(password.get_secret_value()) < MINIMUM_CHARACTERS:
        raise InventoryError(
            f"the stack's secrets hold no password of at least {MINIMUM_CHARACTERS} characters for the user "
            f"{user}; run `pulumi up` again"
        )
    return hash_password(password.get_secret_value(), _salt(node, user))


def _salt(node: NodeModel, user: str) -> str:
    return f"{node.environment.environment} {user}"
