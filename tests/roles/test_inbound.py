"""The inbound instance takes mail for a few addresses and lets nothing out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.inventory import NodeModel
from tests.roles.conftest import Render
from tests.roles.parsed import Instance

TOKEN = "6b03ccfa7fdfcefe965b7a13bb6510"


def taken(inbound: Instance, address: str) -> str | None:
    """The maildir for an address, found as Postfix finds it."""
    for line in inbound.files["mailboxes"].splitlines():
        if line.startswith("/"):
            pattern, _, maildir = line[1:].partition("/ ")
            if re.search(pattern, address, re.IGNORECASE):
                return maildir
    return None


@pytest.mark.parametrize(
    ("address", "maildir"),
    [
        (f"bounce+{TOKEN}@bounce.shop.example", "bounce.shop.example/bounce/"),
        (f"BOUNCE+{TOKEN.upper()}@bounce.news.example", "bounce.news.example/bounce/"),
        ("abuse@bounce.shop.example", "bounce.shop.example/abuse/"),
        ("postmaster@fleet.example", "fleet.example/postmaster/"),
        ("dmarc@fleet.example", "fleet.example/dmarc/"),
        ("tls-rpt@fleet.example", "fleet.example/tls-rpt/"),
        ("hostmaster@fleet.example", "fleet.example/hostmaster/"),
    ],
)
def test_mail_is_taken_for(inbound: Instance, address: str, maildir: str) -> None:
    assert taken(inbound, address) == maildir


@pytest.mark.parametrize(
    "address",
    [
        "bounce@bounce.shop.example",
        f"bounce+{TOKEN}0@bounce.shop.example",
        f"bounce+{TOKEN}@shop.example",
        f"xbounce+{TOKEN}@bounce.shop.example",
        f"bounce+{TOKEN}@bounce.shop.example.evil.example",
        f"bounce+{TOKEN}@bouncexshop.example",
        "dmarc@bounce.shop.example",
        "a@shop.example",
    ],
)
def test_mail_is_refused_for(inbound: Instance, address: str) -> None:
    assert taken(inbound, address) is None


@given(
    user=st.from_regex(r"[a-z0-9.+_-]{1,40}", fullmatch=True),
    domain=st.sampled_from(["shop.example", "x.test"]),
)
def test_no_other_domain_is_taken(inbound: Instance, user: str, domain: str) -> None:
    assert taken(inbound, f"{user}@{domain}") is None


def test_it_relays_nothing(inbound: Instance) -> None:
    assert inbound.main["smtpd_relay_restrictions"] == "reject_unauth_destination"
    assert "reject_unlisted_recipient" in inbound.main["smtpd_recipient_restrictions"]
    for name in ("mynetworks", "mydestination", "relay_domains"):
        assert inbound.main[name] == ""
    assert inbound.main["smtpd_sasl_auth_enable"] == "no"
    for listener in inbound.listeners.values():
        assert not {"smtpd_relay_restrictions", "smtpd_recipient_restrictions"} & set(listener.options)


def test_it_can_send_nothing_not_even_a_bounce(inbound: Instance) -> None:
    assert not {"smtp", "pipe", "local"} & {one.command for one in inbound.services}
    for name in ("default_transport", "relay_transport", "local_transport"):
        assert inbound.main[name].startswith("error:")


def test_canaries_are_taken_from_nodes_only_and_go_to_this_nodes_daemon_only(inbound: Instance) -> None:
    (lmtp,) = (one for one in inbound.services if one.command == "lmtp")
    assert lmtp.options["lmtp_bind_address"] == "127.0.0.1"
    lines = [line for line in inbound.files["canaries"].splitlines() if not line.startswith("#")]
    assert lines == [
        "canary+east-1@bounce.news.example canary:inet:127.0.0.1:10024",
        "canary+east-1@bounce.shop.example canary:inet:127.0.0.1:10024",
    ]
    assert inbound.main["transport_maps"] == "texthash:/etc/postfix-inbound/canaries"
    assert "canaries" not in inbound.main["virtual_mailbox_maps"]
    listeners = inbound.listeners
    assert "virtual_mailbox_maps" not in listeners["198.51.100.11:10025"].options
    assert "canaries" in listeners["198.51.100.11:10026"].options["virtual_mailbox_maps"]


def test_it_listens_where_front_doors_and_probes_look_for_it(inbound: Instance) -> None:
    listeners = inbound.listeners
    assert set(listeners) == {"198.51.100.11:10025", "198.51.100.11:10026"}
    assert listeners["198.51.100.11:10025"].options["smtpd_upstream_proxy_protocol"] == "haproxy"
    assert "smtpd_upstream_proxy_protocol" not in listeners["198.51.100.11:10026"].options


def test_a_bounce_of_the_largest_message_fits(inbound: Instance, east: NodeModel) -> None:
    assert int(inbound.main["message_size_limit"]) > east.environment.limits.message_bytes


def test_mail_belongs_to_a_user_of_its_own(inbound: Instance, render: Render, east: NodeModel) -> None:
    uid = inbound.main["virtual_uid_maps"].removeprefix("static:")
    assert (
        f"u mtafleet-inbound {uid} "
        in render("inbound", east).contents["/etc/sysusers.d/mtafleet-inbound.conf"].decode()
    )
