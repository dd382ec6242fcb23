"""The signer's keys, and the tables its script reads: who may send as whom, which key signs what."""

from collections.abc import Mapping

from fleet import canary
from fleet.inventory import InventoryError, NodeModel
from fleet.render import TreeFile
from fleet.return_path import return_path_key

DIRECTORY = "/etc/mtafleet/signer"


def files(node: NodeModel) -> list[TreeFile]:
    """The active private key of every domain, readable by the signer alone, and `tables.lua`."""
    keys = [
        _own_file(_key_path(domain, selector), pem) for domain, (selector, pem) in _active_keys(node).items()
    ]
    return [*keys, _own_file(f"{DIRECTORY}/tables.lua", _tables(node))]


def _own_file(path: str, content: str) -> TreeFile:
    return TreeFile(path, content, mode="0600", owner="_rspamd", group="_rspamd")


def _key_path(domain: str, selector: str) -> str:
    return f"{DIRECTORY}/keys/{domain}.{selector}.pem"


def _active_keys(node: NodeModel) -> Mapping[str, tuple[str, str]]:
    """domain -> (selector, PEM); InventoryError when provisioning made no such key."""
    found = {}
    for domain, spec in node.environment.domains.items():
        selector = spec.dkim_selectors.active
        pem = node.secrets.dkim.get(domain, {}).get(selector)
        if pem is None:
            raise InventoryError(
                f"there is no DKIM key for the selector {selector} of {domain} in the stack's secrets; "
                "run `pulumi up` again"
            )
        found[domain] = (selector, pem.get_secret_value())
    return found


def _tables(node: NodeModel) -> str:
    environment = node.environment
    users = {
        name: _lua_table({sender.lower(): "true" for sender in user.senders})
        for name, user in environment.users.items()
    }
    own = {sender for one in node.instances for sender in canary.senders(node.fleet, one.name)}
    if own:
        users[canary.USER] = _lua_table(dict.fromkeys(sorted(own), "true"))
    domains = {
        name: _lua_table(
            {
                "selector": _lua_string(spec.dkim_selectors.active),
                "key": _lua_string(_key_path(name, spec.dkim_selectors.active)),
                "return_path": _lua_string(f"{spec.return_path}.{name}"),
            }
        )
        for name, spec in environment.domains.items()
    }
    key = return_path_key(node.secrets.tsig.secret.get_secret_value())
    tables = {
        "users": _lua_table(users),
        "domains": _lua_table(domains),
        "return_path_key": _lua_string(key),
    }
    return f"return {_lua_table(tables)}\n"


def _lua_table(items: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"[{_lua_string(key)}] = {value}" for key, value in items.items()) + "}"


def _lua_string(text: str) -> str:
    """A Lua string literal; names from the specification hold no control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
