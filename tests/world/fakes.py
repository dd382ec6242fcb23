"""Fakes shared by the tests of the simulated world."""

from lab.world.lookup import Kind, TemporaryDnsError


class FakeDns:
    """A `Lookup` over a dictionary of (name, type) to values; counts what it is asked.

    A value of None stands for a name whose servers do not answer.
    """

    def __init__(self, records: dict[tuple[str, Kind], list[str] | None]) -> None:
        self.records = records
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, name: str, kind: Kind) -> tuple[str, ...]:
        self.asked.append((name, kind))
        values = self.records.get((name, kind), [])
        if values is None:
            raise TemporaryDnsError(name)
        return tuple(values)
