"""Does the world call each sending address by its name, both ways? Receivers refuse mail when it does not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

from failover.checks.board import Finding, State

INTERVAL_SECONDS = 300.0
LookUp = Callable[[str, str], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class ReverseName:
    """PTR of `public`, and back again; `expected` is the name it should have."""

    node: str
    public: str
    expected: str
    lookup: LookUp
    interval_seconds: float = INTERVAL_SECONDS

    @property
    def name(self) -> str:
        return f"reverse name {self.public}"

    @property
    def target(self) -> str:
        return "resolver"

    async def look(self) -> list[Finding]:
        names = await self.lookup(IPv4Address(self.public).reverse_pointer + ".", "PTR")
        if names != [f"{self.expected}."]:
            found = " and ".join(one.rstrip(".") for one in names) or "nothing"
            return [self._found(State.BAD, f"{self.public} is called {found}, not {self.expected}")]
        addresses = await self.lookup(f"{self.expected}.", "A")
        if self.public not in addresses:
            said = f"{self.expected} has {', '.join(addresses) or 'no address'}, not {self.public}"
            return [self._found(State.BAD, said)]
        return [self._found(State.GOOD, f"{self.public} and {self.expected} name each other")]

    def _found(self, state: State, said: str) -> Finding:
        return Finding("reverse name", self.public, state, said, self.node)
