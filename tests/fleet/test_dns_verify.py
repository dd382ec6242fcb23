"""Verification against name servers in memory, and one question over real sockets."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest

from cli.dns import as_data
from fleet.dns import DkimPublicKey, reverse_names, zone_text, zones
from fleet.dns.compare import Kind
from fleet.spec.models import Environment
from fleet.topology import Fleet
from infra.dns_verify import View, answer_of, ask, verify
from infra.dns_walk import Walk, WalkError

KEY = DkimPublicKey("rsa", "A" * 392)
KEYS = {domain: {"s1": KEY, "s2": KEY} for domain in ("shop.example", "news.example")}
ROOT = "198.18.0.1"
EAST, WEST = "198.51.100.11", "203.0.113.11"


class NameServer:
    """Answers from zones in memory, with referrals, as an authoritative server does."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.zones = {
            dns.name.from_text(name): dns.zone.from_text(text, name, relativize=False)
            for name, text in texts.items()
        }

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        question = query.question[0]
        held = [name for name in self.zones if question.name.is_subdomain(name)]
        if not held:
            response.set_rcode(dns.rcode.REFUSED)
            return response
        zone = self.zones[max(held, key=len)]
        cut = self._cut(zone, question.name)
        if cut is not None:
            response.authority.append(cut)
            self._add_glue(zone, cut, response)
            return response
        response.flags |= dns.flags.AA
        found = zone.get_rrset(question.name, question.rdtype)
        if found is not None:
            response.answer.append(found)
        elif zone.get_node(question.name) is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _cut(self, zone: dns.zone.Zone, name: dns.name.Name) -> dns.rrset.RRset | None:
        while name != zone.origin:
            found = zone.get_rrset(name, "NS")
            if found is not None:
                return found
            name = name.parent()
        return None

    def _add_glue(self, zone: dns.zone.Zone, cut: dns.rrset.RRset, response: dns.message.Message) -> None:
        for record in cut:
            glue = zone.get_rrset(record.target, "A") if record.target.is_subdomain(zone.origin) else None
            if glue is not None:
                response.additional.append(glue)


def parent_zones(fleet: Fleet) -> dict[str, str]:
    """The root, which also holds `example` and the reverse tree here."""
    soa = "SOA ns.root. host.root. 1 3600 600 1209600 60"
    lines = [f". 60 IN {soa}", ". 60 IN NS ns.root.", f"ns.root. 60 IN A {ROOT}"]
    for zone in ("fleet.example", "shop.example", "news.example"):
        lines += [f"{zone}. 60 IN NS ns-{site}.fleet.example." for site in ("east", "west")]
    lines += [f"ns-east.fleet.example. 60 IN A {EAST}", f"ns-west.fleet.example. 60 IN A {WEST}"]
    for address, name in reverse_names(fleet).items():
        lines.append(f"{address.reverse_pointer}. 60 IN PTR {name}.")
    return {".": "\n".join(lines) + "\n"}


@pytest.fixture
def servers(lab_fleet: Fleet) -> dict[str, NameServer]:
    own = {zone.name: zone_text(zone, 7) for zone in zones(lab_fleet, KEYS)}
    return {ROOT: NameServer(parent_zones(lab_fleet)), EAST: NameServer(own), WEST: NameServer(own)}


@pytest.fixture
def run(lab_fleet: Fleet, servers: dict[str, NameServer]) -> Callable[[], tuple[View, ...]]:
    def ask_server(server: str, name: str, type_: str) -> dns.message.Message:
        if server not in servers:
            raise dns.exception.Timeout
        return servers[server].answer(dns.message.make_query(name, type_))

    return lambda: verify(lab_fleet, KEYS, [IPv4Address(ROOT)], ask_server)


def replace(server: NameServer, zone: str, name: str, type_: str, *values: str, ttl: int = 300) -> None:
    """Publish other records than those meant; none removes them."""
    held = server.zones[dns.name.from_text(zone)]
    held.delete_rdataset(dns.name.from_text(name), type_)
    if values:
        rrset = dns.rrset.from_text(name + ".", ttl, "IN", type_, *values)
        held.replace_rdataset(rrset.name, rrset.to_rdataset())


def test_what_is_published_as_meant_shows_no_difference(run: Callable[[], tuple[View, ...]]) -> None:
    views = run()
    assert [view.name for view in views] == [
        f"ns-east.fleet.example ({EAST})",
        f"ns-west.fleet.example ({WEST})",
        "from the root",
        "delegations",
        "SPF includes",
    ]
    assert all(not view.differences for view in views)
    assert views[0].checked > 90
    # 16 addresses of the fleet have a reverse name.
    assert views[2].checked == views[0].checked + 16
    assert views[3].checked == 3


def test_a_record_wrong_on_one_primary_is_told_apart(
    run: Callable[[], tuple[View, ...]], servers: dict[str, NameServer]
) -> None:
    replace(servers[WEST], "shop.example", "_dmarc.shop.example", "TXT", '"v=DMARC1; p=reject"')
    east, west, *_ = run()
    assert not east.differences
    (difference,) = west.differences
    assert (difference.name, difference.type, difference.kind) == (
        "_dmarc.shop.example",
        "TXT",
        Kind.DIFFERENT,
    )
    assert difference.found == '"v=DMARC1; p=reject"'


def test_an_entrance_taken_out_by_failover_is_no_difference(
    run: Callable[[], tuple[View, ...]], servers: dict[str, NameServer]
) -> None:
    name = "transactional.submit.fleet.example"
    for server in (EAST, WEST):
        replace(servers[server], "submit.fleet.example", name, "A", "198.51.100.21", "203.0.113.21", ttl=5)
    assert all(not view.differences for view in run())
    for server in (EAST, WEST):
        replace(servers[server], "submit.fleet.example", name, "A")
    assert {one.kind for view in run() for one in view.differences} == {Kind.MISSING}


def test_a_dead_server_is_said_once_and_not_asked_forever(
    run: Callable[[], tuple[View, ...]], servers: dict[str, NameServer]
) -> None:
    del servers[WEST]
    east, west, root, delegations, _includes = run()
    assert not east.differences
    assert west.checked == 2
    assert {one.kind for one in west.differences} == {Kind.NO_ANSWER}
    assert west.differences[0].found == "no answer within 7 s"
    assert not root.differences
    assert not delegations.differences


def test_a_wrong_delegation_and_a_wrong_reverse_name_are_found(
    run: Callable[[], tuple[View, ...]], servers: dict[str, NameServer]
) -> None:
    replace(servers[ROOT], ".", "news.example", "NS", "ns-east.fleet.example.")
    replace(servers[ROOT], ".", "21.100.51.198.in-addr.arpa", "PTR", "host21.provider.example.")
    *_, root, delegations, _includes = run()
    assert [one.name for one in root.differences] == ["21.100.51.198.in-addr.arpa"]
    assert [one.name for one in delegations.differences] == ["news.example"]
    assert delegations.differences[0].found == f"ns-east.fleet.example {EAST}"


def test_what_other_senders_spf_costs_is_counted(lab: Environment, servers: dict[str, NameServer]) -> None:
    """The file says 2; the record of `partner.example` costs one for itself, one for `a`, two for `deep`."""
    shop = lab.domains["shop.example"].model_copy(
        update={"spf_includes": {"partner.example": 2, "gone.example": 1}}
    )
    fleet = Fleet.of(lab.model_copy(update={"domains": {**lab.domains, "shop.example": shop}}))
    replace(servers[ROOT], ".", "partner.example", "TXT", '"v=spf1 a include:deep.example -all"', '"other"')
    replace(servers[ROOT], ".", "deep.example", "TXT", '"v=spf1 mx ip4:192.0.2.1 -all"')

    def ask_server(server: str, name: str, type_: str) -> dns.message.Message:
        return servers[server].answer(dns.message.make_query(name, type_))

    found = verify(fleet, KEYS, [IPv4Address(ROOT)], ask_server)[-1]
    assert found.checked == 2
    assert [(one.name, one.expected, one.found) for one in found.differences] == [
        ("partner.example", "2 look-ups", "4 look-ups"),
        ("gone.example", "an SPF record", "none"),
    ]


def test_a_walk_that_ends_nowhere_says_where(servers: dict[str, NameServer]) -> None:
    def refuse(_server: str, name: str, type_: str) -> dns.message.Message:
        response = dns.message.make_response(dns.message.make_query(name, type_))
        response.set_rcode(dns.rcode.REFUSED)
        return response

    with pytest.raises(WalkError, match=r"no server of \. answers: 198.18.0.1: REFUSED"):
        Walk((ROOT,), refuse).message("shop.example", "TXT")


def test_the_result_is_data_too(run: Callable[[], tuple[View, ...]], servers: dict[str, NameServer]) -> None:
    replace(servers[EAST], "news.example", "s2._domainkey.news.example", "TXT")
    found = as_data(run())
    assert json.loads(json.dumps(found)) == found
    assert found["ok"] is False


def _on_one_port() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket; a port that is free for one may be taken for the other."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()


@pytest.fixture
def live(servers: dict[str, NameServer]) -> Iterator[int]:
    """The eastern server on a loopback port, UDP and TCP."""
    udp, tcp = _on_one_port()
    port = int(udp.getsockname()[1])

    def serve_udp() -> None:
        while packet := udp.recvfrom(4096):
            content, peer = packet
            if not content:
                return
            response = servers[EAST].answer(dns.message.from_wire(content))
            try:
                wire = response.to_wire(max_size=512)
            except dns.exception.TooBig:
                response = dns.message.make_response(dns.message.from_wire(content))
                response.flags |= dns.flags.TC
                wire = response.to_wire()
            udp.sendto(wire, peer)

    def serve_tcp() -> None:
        try:
            connection, _peer = tcp.accept()
        except OSError:  # nobody came before the end
            return
        with connection, connection.makefile("rb") as stream:
            size = int.from_bytes(stream.read(2), "big")
            wire = servers[EAST].answer(dns.message.from_wire(stream.read(size))).to_wire()
            connection.sendall(len(wire).to_bytes(2, "big") + wire)

    threads = [threading.Thread(target=serve_udp), threading.Thread(target=serve_tcp)]
    for thread in threads:
        thread.start()
    yield port
    udp.sendto(b"", ("127.0.0.1", port))
    with suppress(OSError):
        tcp.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    udp.close()
    tcp.close()


def test_a_question_over_sockets_falls_back_to_tcp_for_a_long_answer(
    live: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.dns_verify.TIMEOUTS_SECONDS", (60.0,))
    short = answer_of(ask("127.0.0.1", "east-1.fleet.example", "A", port=live), "east-1.fleet.example", "A")
    assert (short.status, short.values, short.ttl_seconds) == ("NOERROR", frozenset({EAST}), 300)
    name = "s1._domainkey.shop.example"
    long = answer_of(ask("127.0.0.1", name, "TXT", port=live), name, "TXT")
    assert len(next(iter(long.values))) > 390


def test_a_question_that_was_lost_is_asked_again(
    servers: dict[str, NameServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.dns_verify.TIMEOUTS_SECONDS", (0.01, 60.0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))

        def answer_the_second() -> None:
            udp.recv(4096)
            content, peer = udp.recvfrom(4096)
            udp.sendto(servers[EAST].answer(dns.message.from_wire(content)).to_wire(), peer)

        thread = threading.Thread(target=answer_the_second)
        thread.start()
        found = ask("127.0.0.1", "east-1.fleet.example", "A", port=udp.getsockname()[1])
        thread.join()
    assert found.answer
