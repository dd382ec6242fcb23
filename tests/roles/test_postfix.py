"""The outgoing instances: who may send, from which address, how fast."""

import dataclasses
import json
import re

import pytest

from delivery.router.settings import parse_settings
from fleet.canary import USER
from fleet.catalogue import Catalogue, Stage
from fleet.inventory import NodeModel
from fleet.routing import SETTINGS_FILE
from fleet.topology import Fleet
from tests.roles.conftest import Render
from tests.roles.parsed import Instance, Service

CATALOGUE = Catalogue.load()
HOMES = [
    ("east-1", "198.51.100.11"),
    ("east-2", "198.51.100.12"),
    ("west-1", "203.0.113.11"),
    ("west-2", "203.0.113.12"),
]
POOLS = ["transactional", "marketing", "notification"]


@pytest.fixture(params=POOLS)
def pool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def instance(instances: dict[str, Instance], pool: str) -> Instance:
    return instances[pool]


def test_each_instance_has_its_own_listeners_on_the_main_address(instances: dict[str, Instance]) -> None:
    found = {name: set(one.listeners) for name, one in instances.items()}
    assert found == {
        name: {f"198.51.100.11:{port + 1000 * position}" for port in (11465, 11587, 11025, 11026)}
        for position, name in enumerate(POOLS)
    }


def test_instances_share_no_directory_and_no_log(instances: dict[str, Instance]) -> None:
    for name in (
        "queue_directory",
        "data_directory",
        "maillog_file",
        "multi_instance_name",
        "smtpd_sasl_path",
    ):
        assert len({one.main[name] for one in instances.values()}) == len(POOLS)


def test_no_network_is_trusted_and_nothing_is_local(instance: Instance) -> None:
    empty = [
        "mynetworks",
        "mydestination",
        "relay_domains",
        "virtual_mailbox_domains",
        "authorized_submit_users",
    ]
    assert {name: instance.main[name] for name in empty} == dict.fromkeys(empty, "")
    assert "permit_mynetworks" not in instance.files["main.cf"] + instance.files["master.cf"]
    assert instance.main["local_transport"].startswith("error:")
    assert not {"local", "virtual", "pipe", "lmtp"} & {one.command for one in instance.services}


def test_only_authenticated_users_relay(instance: Instance, pool: str) -> None:
    by_port = {
        "025": ("no", ["reject"]),
        "026": ("no", [f"check_client_access,texthash:/etc/postfix-{pool}/peers,reject"]),
    }
    for name, listener in instance.listeners.items():
        login, rules = by_port.get(name.split(":")[1][-3:], ("yes", ["permit_sasl_authenticated", "reject"]))
        assert instance.setting(listener, "smtpd_relay_restrictions").split() == rules
        assert instance.setting(listener, "smtpd_sasl_auth_enable") == login
        recipient_rules = instance.setting(listener, "smtpd_recipient_restrictions")
        assert not {"permit", "permit_mynetworks", "permit_auth_destination"} & set(recipient_rules.split())
        for other in ("client", "helo", "sender"):
            assert "permit" not in instance.setting(listener, f"smtpd_{other}_restrictions")


def test_peers_hand_over_what_is_signed_already(instance: Instance, pool: str) -> None:
    listener = instance.service(f"198.51.100.11:{11026 + 1000 * POOLS.index(pool)}")
    assert _entries(instance.files["peers"]) == ["198.51.100.12 OK", "203.0.113.11 OK", "203.0.113.12 OK"]
    assert instance.setting(listener, "smtpd_milters") == ""
    assert instance.setting(listener, "smtpd_tls_wrappermode") == "yes"
    assert instance.setting(listener, "smtpd_tls_security_level") == "encrypt"
    senders = instance.setting(listener, "smtpd_sender_restrictions")
    assert senders == f"check_sender_access,pcre:/etc/postfix-{pool}/handed_senders,reject"
    patterns = [line.split("/")[1] for line in _entries(instance.files["handed_senders"])]

    def may(sender: str) -> bool:
        return any(re.search(pattern, sender) for pattern in patterns)

    token = "0123456789abcdef" * 2
    assert may(f"bounce+{token[:30]}@bounce.shop.example")
    assert not may(f"bounce+{token}@bounce.shop.example")
    assert not may(f"bounce+{token[:30]}@bounce.shop.example.evil.example")
    assert not may(f"bounce+{token[:30]}@bounceXshop.example")
    assert not may("notices@shop.example")


def _entries(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_passwords_travel_inside_tls_only(instance: Instance) -> None:
    assert instance.main["smtpd_tls_auth_only"] == "yes"
    for listener in instance.listeners.values():
        if instance.setting(listener, "smtpd_sasl_auth_enable") == "yes":
            assert instance.setting(listener, "smtpd_tls_security_level") == "encrypt"
    assert instance.main["smtpd_tls_mandatory_protocols"] == ">=TLSv1.2"


def test_clients_come_through_the_front_door_with_their_address(instance: Instance, pool: str) -> None:
    position = POOLS.index(pool)
    proxied = {
        name
        for name, one in instance.listeners.items()
        if one.options.get("smtpd_upstream_proxy_protocol") == "haproxy"
    }
    assert proxied == {f"198.51.100.11:{port + 1000 * position}" for port in (11465, 11587)}
    wrapped = {name for name, one in instance.listeners.items() if "smtpd_tls_wrappermode" in one.options}
    assert wrapped == {f"198.51.100.11:{port + 1000 * position}" for port in (11465, 11026)}


def test_probes_may_ask_for_a_sign_of_life_forever(instance: Instance, pool: str) -> None:
    probe = instance.service(f"198.51.100.11:{11025 + 1000 * POOLS.index(pool)}")
    assert int(probe.options["smtpd_junk_command_limit"]) > 10**6
    assert instance.setting(probe, "smtpd_milters") == "unix:/run/rspamd/milter.sock"
    assert instance.main["smtpd_peername_lookup"] == "no"


def test_envelope_senders_belong_to_users_of_the_pool(instances: dict[str, Instance]) -> None:
    lines = {
        name: [line for line in one.files["sender_logins"].splitlines() if not line.startswith("#")]
        for name, one in instances.items()
    }
    assert lines == {
        "transactional": ["@shop.example shop-app", f"canary@shop.example shop-app, {USER}"],
        "marketing": ["@news.example newsletter", f"canary@news.example newsletter, {USER}"],
        "notification": ["@shop.example shop-alerts", f"canary@shop.example shop-alerts, {USER}"],
    }
    for one in instances.values():
        assert "reject_sender_login_mismatch" in one.main["smtpd_sender_restrictions"].split()
        assert "<> = reject" in one.main["smtpd_sender_restrictions"]


def test_mail_leaves_from_the_pools_addresses_under_their_names(
    instances: dict[str, Instance], east: NodeModel
) -> None:
    for name, instance in instances.items():
        own = {(str(one.address), one.name) for one in east.host.sending_of(name)}
        used = {
            (one.options["smtp_bind_address"], one.options["smtp_helo_name"]) for one in instance.transports
        }
        assert used == own
        assert instance.main["smtp_bind_address_enforce"] == "yes"
        assert "smtp_bind_address_enforce" not in instance.files["master.cf"]


def test_nothing_leaves_without_a_transport_of_its_own(instance: Instance) -> None:
    assert "smtp" not in {one.name for one in instance.services}
    assert instance.main["default_transport"].startswith("error:")
    assert instance.main["relay_transport"].startswith("error:")


def test_every_isp_has_its_limits_on_every_address(instance: Instance) -> None:
    for service in instance.transports:
        isp = CATALOGUE.isps[re.sub(r"-s\d$", "", service.name).split("-", 2)[2]]
        limits = isp.limits_at(Stage.ESTABLISHED)
        concurrency = int(instance.main[f"{service.name}_destination_concurrency_limit"])
        assert service.process_limit
        assert 1 <= concurrency <= limits.connections.value
        if isp.connections_counted == "per_provider":
            busy_elsewhere_and_idle_here = service.process_limit + (
                concurrency if len(isp.domains) != 1 else 0
            )
            assert busy_elsewhere_and_idle_here <= max(limits.connections.value, 2)
        assert (
            int(service.options["smtp_connection_reuse_count_limit"])
            == limits.messages_per_connection.value - 1
        )
        assert service.options["smtp_tls_security_level"] == ("encrypt" if isp.tls == "required" else "may")


def test_known_domains_go_to_their_isps_transports(instance: Instance, pool: str) -> None:
    table = instance.main["transport_maps"]
    names = {one.name for one in instance.transports}
    for isp in CATALOGUE.isps.values():
        wanted = [f"{name}:" for name in sorted(names) if name.split("-", 2)[2] == isp.isp]
        assert wanted
        if isp.domains:
            domains = ", ".join(f"{domain}={isp.isp}" for domain in isp.domains)
            assert f"pipemap:{{inline:{{{domains}}}, randmap:{{{', '.join(wanted)}}}}}" in table
    for one in instance.main["sender_dependent_default_transport_maps"].split("{")[1].rstrip("}").split(", "):
        assert one.rstrip(":") in names


def test_the_queue_manager_alone_asks_the_router(instance: Instance, pool: str) -> None:
    """Were others to ask it, its "not yet" would refuse submissions."""
    assert instance.service("qmgr").options == {"rewrite_service_name": "live"}
    live = instance.service("live")
    assert (live.command, live.kind) == ("trivial-rewrite", "unix")
    assert live.options == {"transport_maps": f"socketmap:unix:/run/mtafleet-front/map.sock:{pool}"}
    others = [one for one in instance.services if one.name != "live"]
    assert "socketmap" not in instance.files["main.cf"] + str([one.options for one in others])


def test_every_transport_the_router_may_name_exists(
    instance: Instance, pool: str, east: NodeModel, render: Render
) -> None:
    told = parse_settings(json.loads(render("router", east).contents[SETTINGS_FILE]))
    names = {step.transport for routes in told.routes[pool].values() for one in routes for step in one.steps}
    assert names == {one.name for one in instance.transports}


def test_no_message_is_bound_to_a_transport_at_submission(instance: Instance) -> None:
    rules = instance.main["smtpd_recipient_restrictions"].split()
    assert rules[-2:] == ["check_recipient_mx_access", "static:DUNNO"]
    assert "FILTER" not in "".join(instance.files.values())


def test_known_domains_need_no_lookup(instance: Instance) -> None:
    known = {line.split()[0] for line in instance.files["known_domains"].splitlines() if line[0] != "#"}
    assert {domain for isp in CATALOGUE.isps.values() for domain in isp.domains} < known
    rules = instance.main["smtpd_recipient_restrictions"].split()
    assert rules.index("check_recipient_access") < rules.index("check_recipient_mx_access")


def test_bounces_of_our_own_domains_go_to_the_inbound_instance(instance: Instance) -> None:
    routes = [line for line in instance.files["return_paths"].splitlines() if not line.startswith("#")]
    assert routes == [
        "bounce.shop.example relay:[198.51.100.11]:10026",
        "bounce.news.example relay:[198.51.100.11]:10026",
        *(f"canary+{node}@bounce.news.example relay:[{address}]:10026" for node, address in HOMES),
        *(f"canary+{node}@bounce.shop.example relay:[{address}]:10026" for node, address in HOMES),
    ]


def test_the_user_of_canaries_may_write_to_canaries_only(instance: Instance) -> None:
    rules = instance.main["smtpd_recipient_restrictions"]
    assert f"check_sasl_access inline:{{{USER}=canary_only}}" in rules
    assert instance.main["smtpd_restriction_classes"] == "canary_only"
    assert instance.main["canary_only"].split()[-1] == "reject"
    allowed = [line for line in instance.files["canaries"].splitlines() if not line.startswith("#")]
    assert len(allowed) == 8
    assert all(line.startswith("canary+") and line.endswith(" OK") for line in allowed)


def test_unsigned_mail_is_never_sent(instance: Instance) -> None:
    assert instance.main["smtpd_milters"] == "unix:/run/rspamd/milter.sock"
    assert instance.main["milter_default_action"] == "tempfail"


def test_no_service_is_chrooted(instance: Instance) -> None:
    assert {one.chroot for one in instance.services} == {"n"}


def test_limits_come_from_the_environment_file(instance: Instance, east: NodeModel) -> None:
    limits = east.environment.limits
    assert instance.main["message_size_limit"] == str(limits.message_bytes)
    assert instance.main["smtpd_recipient_limit"] == str(limits.recipients_per_message)
    assert instance.main["smtpd_client_connection_count_limit"] == str(limits.sessions_per_client)
    assert instance.main["maximal_queue_lifetime"] == f"{limits.queue_lifetime_hours}h"


def test_fresh_addresses_are_paced(east: NodeModel, render: Render) -> None:
    pools = dict(east.environment.pools)
    pools["marketing"] = pools["marketing"].model_copy(update={"warm_since": None})
    fresh = Fleet.of(east.environment.model_copy(update={"pools": pools}))
    node = dataclasses.replace(east, fleet=fresh, host=fresh.node(east.name))
    instance = Instance.read(render("postfix", node), "/etc/postfix-marketing")
    google = next(one for one in instance.transports if one.name.endswith("-google"))
    limits = CATALOGUE.isps["google"].limits_at(Stage.FRESH)
    assert google.process_limit
    assert google.process_limit <= limits.connections.value
    pause = instance.main[f"{google.name}_transport_rate_delay"]
    assert limits.messages_per_hour is not None
    assert int(pause.removesuffix("s")) >= 3600 / limits.messages_per_hour.value


def test_the_default_instance_is_only_a_signpost(render: Render, east: NodeModel) -> None:
    default = Instance.read(render("postfix", east), "/etc/postfix")
    assert default.listeners == {}
    assert default.main["master_service_disable"] == "inet"
    assert default.main["default_transport"].startswith("error:")
    directories = default.main["multi_instance_directories"].split()
    assert directories == [*(f"/etc/postfix-{name}" for name in POOLS), "/etc/postfix-inbound"]


def test_services_are_validated_before_they_are_reloaded(render: Render, east: NodeModel) -> None:
    tree = render("postfix", east)
    assert [one[:3] for one in tree.validate if one[-1] == "check"] == [
        ["postfix", "-c", f"/etc/postfix-{name}"] for name in POOLS
    ]
    reloads = [one["run"] for one in tree.actions if "postfix@" in one["run"][-1]]
    assert reloads == [["systemctl", "try-reload-or-restart", f"postfix@{name}.service"] for name in POOLS]


def test_a_service_line_is_read_with_its_options() -> None:
    """The parser of these tests, on the form the template uses."""
    instance = Instance({"a": "1"}, [Service("x", "inet", "n", 3, "smtpd", {"a": "2"})], {})
    assert instance.setting(instance.service("x"), "a") == "2"
