"""Domains and their ISPs: what is remembered, for how long, and what nobody waits for."""

import asyncio

from delivery.router.exchangers import TROUBLE_SECONDS, Exchangers, Found

SUFFIXES = {"google.com": "google", "yahoodns.net": "yahoo"}


class Dns:
    """Answers what a test sets; counts questions; holds answers back while `gate` is closed."""

    def __init__(self) -> None:
        self.zone: dict[str, Found] = {}
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, domain: str) -> Found:
        self.asked.append(domain)
        await self.gate.wait()
        if domain not in self.zone:
            raise OSError("no answer")
        return self.zone[domain]


class World:
    def __init__(self, most_domains: int = 100) -> None:
        self.now, self.dns = 0.0, Dns()
        self.exchangers = Exchangers(self.dns, SUFFIXES, "default", lambda: self.now, most_domains)

    async def find(self, domain: str) -> str | None:
        return await self.exchangers.find(domain, 300.0)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_hosted_domains_roll_up_to_their_isp() -> None:
    world = World()
    world.dns.zone = {
        "one.example": Found(("aspmx.l.google.com",), 100),
        "two.example": Found(("mx.two.example", "mta5.am0.yahoodns.net"), 100),
        "three.example": Found(("evilgoogle.com",), 100),
        "google.com": Found((), 100),  # no exchanger: the domain itself
    }
    found = {domain: await world.find(domain) for domain in world.dns.zone}
    assert found == {
        "one.example": "google",
        "two.example": "yahoo",
        "three.example": "default",
        "google.com": "google",
    }


async def test_answers_are_remembered_and_refreshed_without_anybody_waiting() -> None:
    world = World()
    world.dns.zone["a.example"] = Found(("mx.google.com",), 100)
    assert await world.find("a.example") == "google"
    world.now = 99
    assert world.exchangers.known("a.example") == "google"
    assert world.dns.asked == ["a.example"]
    world.now = 100
    world.dns.zone["a.example"] = Found(("mx.elsewhere.example",), 100)
    assert world.exchangers.known("a.example") == "google"  # the old answer, at once
    await settle()
    assert world.exchangers.known("a.example") == "default"
    assert world.dns.asked == ["a.example"] * 2


async def test_failures_are_remembered_for_a_while_and_do_not_unlearn() -> None:
    world = World()
    assert await world.find("a.example") is None
    assert await world.find("a.example") is None
    assert world.dns.asked == ["a.example"]
    world.now = TROUBLE_SECONDS
    world.dns.zone["a.example"] = Found(("mx.google.com",), 100)
    assert await world.find("a.example") == "google"
    world.dns.zone.clear()
    world.now += 100
    assert world.exchangers.known("a.example") == "google"
    await settle()
    assert world.exchangers.known("a.example") == "google"


async def test_a_slow_look_up_is_not_waited_for_but_goes_on() -> None:
    world = World()
    world.dns.gate.clear()
    world.dns.zone["a.example"] = Found(("mx.google.com",), 100)
    assert await world.exchangers.find("a.example", 0.0) is None
    assert await world.exchangers.find("a.example", 0.0) is None
    world.dns.gate.set()
    await settle()
    assert world.exchangers.known("a.example") == "google"
    assert world.dns.asked == ["a.example"]


async def test_memory_is_bounded() -> None:
    world = World(most_domains=10)
    for number in range(25):
        world.dns.zone[f"{number}.example"] = Found((), 100)
        await world.find(f"{number}.example")
    assert len(world.exchangers) == 10
    assert world.exchangers.known("24.example") == "default"
    assert world.exchangers.known("0.example") is None
