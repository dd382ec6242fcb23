"""Where peers take the mail of a drained node: one JSON file (`fleet.handover.hand_over_settings` makes it).

{"node": "east-1", "source": "198.51.100.11",            this node, and the address it comes from
 "chain_file": "/etc/mtafleet/tls/fullchain.pem",         this node's certificate and its issuers
 "pools": {"transactional": {"port": 11026,
                             "peers": {"east-2": {"address": "198.51.100.12",
                                                  "name": "mx-east-2.fleet.example"}}}}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from failover.fields import Fields, read_json

SETTINGS_FILE = Path("/etc/mtafleet/hand-over.json")


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that takes mail of one pool; its certificate must hold `name`."""

    node: str
    address: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    node: str
    source: str
    chain_file: Path
    pools: Mapping[str, Mapping[str, Peer]]
    """Pool -> node -> peer."""


def load_settings(path: Path) -> Settings:
    """Read and check the file at `path`; ConfigError names the file, the key and what would be right."""
    return read_json(path, _settings)


def _settings(value: object) -> Settings:
    fields = Fields(value, "")
    found = Settings(
        node=fields.text("node"),
        source=fields.address("source"),
        chain_file=fields.path("chain_file"),
        pools=fields.mapping("pools", _pool),
    )
    fields.done()
    return found


def _pool(value: object, path: str) -> Mapping[str, Peer]:
    fields = Fields(value, path)
    port = fields.whole("port", 1, 65_535)

    def peer(value: object, path: str) -> Peer:
        found = Fields(value, path)
        made = Peer(path.rpartition(".")[2], found.address("address"), found.text("name"), port)
        found.done()
        return made

    peers = fields.mapping("peers", peer)
    fields.done()
    return peers
