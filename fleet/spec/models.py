"""The environment file as typed, immutable objects.

These classes hold what a person wrote and check each value by itself; rules that need more than
one value at a time live in :mod:`fleet.spec.rules`. Unknown keys are refused everywhere. The text
under each key is its entry in the JSON Schema and in the reference manual.
"""

from datetime import date
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fleet.spec.aws import Aws, AwsPlace
from fleet.spec.base import HTTPS_PATTERN, DnsName, Domain, Label, Mailbox, Sender, Strict


class Operator(Strict):
    """Who runs the fleet, and the names the fleet itself bears."""

    domain: Domain
    """The fleet's own zone: host names, name servers, reports."""
    steered_zone: Domain
    """A zone below `domain`, delegated, which only the failover daemon writes."""
    contact: Mailbox
    """Published in SOA and CAA records; a person reads it."""
    mta_sts: Literal["none", "testing", "enforce"] = "testing"
    """The MTA-STS mode for mail to `domain` itself (reports, postmaster, abuse)."""


class Acme(Strict):
    """Where certificates come from."""

    directory: Annotated[str, StringConstraints(pattern=HTTPS_PATTERN)]
    """The ACME server's directory URL."""
    caa: Domain
    """The name by which CAA records admit this authority."""


class Node(Strict):
    """One mail server."""

    address: IPv4Address
    """Its main address: SSH, DNS, inbound mail, probes. Outbound mail leaves by pool addresses."""
    name_server: bool = False
    """Whether it also answers as authoritative name server; each region needs one. On AWS, where Route 53
    answers for the fleet, the only zone it holds is that of certificate challenges."""


class Region(Strict):
    """A data centre or cloud region."""

    network: IPv4Network
    """All addresses of the region's nodes and pools lie in it; in a lab
    the last usable one is the router's."""
    nodes: Annotated[dict[Label, Node], Field(min_length=1)]
    """Node names with their settings; a name is unique in the whole fleet."""
    aws: AwsPlace | None = None
    """Where on AWS the region lies; needed with `substrate: aws`."""


class Witness(Strict):
    """A third site that sends no mail but watches: who hears nobody, not even it, doubts himself first."""

    site: Label
    """The name of its site."""
    network: IPv4Network
    """The site's network."""
    node: Label
    """The witness machine's name."""
    address: IPv4Address
    """The witness machine's address."""
    aws: AwsPlace | None = None
    """Where on AWS the site lies, in a region of its own; needed with `substrate: aws`."""


class Pool(Strict):
    """One stream of mail with its own addresses, queues and reputation.

    The first address of each node also takes submissions for the pool (ports 465 and 587).
    """

    submission: Domain
    """The name clients connect to; directly below the steered zone."""
    warm_since: date | None = None
    """The day from which the pool's addresses have been sending regularly; left out while they are new.
    They count as fresh for two weeks, as warming until six weeks, as established after that."""
    peak_messages_per_hour: Annotated[int, Field(ge=1)] | None = None
    """The most messages the pool must carry in an hour, the largest region being lost; needed with
    `substrate: aws`. While addresses are new, ask for little and raise it as they warm."""
    addresses: Annotated[dict[Label, Annotated[list[IPv4Address], Field(min_length=1)]], Field(min_length=1)]
    """Sending addresses by node; each region needs at least one. On AWS these are the private ones."""


class DkimSelectors(Strict):
    """Two selectors, so that keys rotate without a gap."""

    active: Label
    """Signs now."""
    standby: Label
    """Published, signs after the next rotation."""


class Dmarc(Strict):
    """What the domain asks receivers to do with unauthenticated mail."""

    policy: Literal["none", "quarantine", "reject"] = "none"
    """Begin with `none`, read the reports, then tighten."""


class SendingDomain(Strict):
    """A domain mail is sent from."""

    pools: Annotated[list[Label], Field(min_length=1)]
    """The pools that may send for it; their addresses make up its SPF record."""
    return_path: Label
    """The label below the domain that takes bounces: the only name that gets an MX record."""
    dkim_selectors: DkimSelectors
    """The names of its two DKIM keys."""
    dmarc: Dmarc = Dmarc()
    """Its DMARC record."""
    mta_sts: Literal["none", "testing", "enforce"] = "testing"
    """The MTA-STS mode for bounces to the return path."""
    hosting: Literal["fleet", "elsewhere"] = "fleet"
    """Who publishes the domain's records: the fleet, or its owner elsewhere, from a list we give."""
    spf_includes: dict[DnsName, Annotated[int, Field(ge=1, le=10)]] = Field(default={})
    """Other senders of the domain to include in its SPF record, each with the DNS look-ups it
    costs: one for itself and one for each look-up inside it."""


class User(Strict):
    """An account that submits mail."""

    pool: Label
    """The one pool it may use."""
    senders: Annotated[list[Sender], Field(min_length=1)]
    """The addresses it may send as; `@domain` stands for all of a domain's."""


class Limits(Strict):
    """Limits on submission and queueing."""

    message_bytes: Annotated[int, Field(ge=65_536, le=104_857_600)] = 10_485_760
    """The largest message taken."""
    recipients_per_message: Annotated[int, Field(ge=1, le=1000)] = 100
    """The most recipients of one message."""
    sessions_per_client: Annotated[int, Field(ge=1, le=10_000)] = 200
    """The most simultaneous sessions from one client address."""
    queue_lifetime_hours: Annotated[int, Field(ge=1, le=240)] = 120
    """How long delivery is tried before a message is returned."""


class Failover(Strict):
    """How failures are found and how far the reaction may go."""

    heartbeat_interval_milliseconds: Annotated[int, Field(ge=20, le=10_000)] = 100
    """Time between two heartbeats to each peer; in a large fleet, to each that watches this node."""
    probe_interval_milliseconds: Annotated[int, Field(ge=20, le=10_000)] = 100
    """Time between two SMTP probes of each peer that is watched; five times as long while the peer's own
    daemon is heard and nothing is in doubt."""
    probe_timeout_milliseconds: Annotated[int, Field(ge=20, le=10_000)] = 200
    """When an unanswered probe counts as failed."""
    fall: Annotated[int, Field(ge=1, le=100)] = 2
    """Failed probes in a row before a node counts as down."""
    rise: Annotated[int, Field(ge=1, le=1000)] = 20
    """Good probes in a row before a node counts as up again; of fresh sessions, what takes the same time."""
    observers: Annotated[int, Field(ge=2, le=20)] = 3
    """In a fleet with more than eight machines that judge, each is watched by so many others, in other sites
    as far as there are any, and by itself. In a smaller one all watch all."""
    floor_percent: Annotated[int, Field(ge=1, le=100)] = 50
    """The share of each pool's nodes that always stays in service."""
    answer_floor_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """The share of each submission name's addresses that always stays in the answer; left out: as
    `floor_percent`."""
    most_ejected_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """The largest share of a pool's nodes that failures may put out of service at once; left out: as the
    floors allow."""
    eject_regions: bool = True
    """Whether all nodes of a region may be out for failures at once, while another region has some."""
    hold_down_base_seconds: Annotated[int, Field(ge=0, le=3_600)] = 2
    """How long a node stays out after it is well, when it failed soon after its last return; twice as long
    each further time. 0 holds nobody down."""
    hold_down_most_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    """The longest a node is held down."""
    flap_window_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """How soon after a return a failure counts as flapping; so much good service makes up for one."""
    flap_budget: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Returns of flapping nodes to one pool within the window; further ones wait."""
    return_weights_percent: list[Annotated[int, Field(ge=1, le=99)]] = Field(default=[10, 50])
    """The shares of its traffic that a node gets after its return before all of it, growing."""
    return_step_milliseconds: Annotated[int, Field(ge=100, le=3_600_000)] = 1_000
    """How long each of these shares lasts; DNS names the node again after the last."""
    least_disk_free_percent: Annotated[int, Field(ge=0, le=90)] = 5
    """A node whose spool has less space, or fewer inodes, left than this gets no new mail. ext4 keeps 5 % for
    root: below it the file system is full for everybody else."""
    most_untaken_seconds: Annotated[int, Field(ge=1)] = 300
    """A queue is stuck when a message that is due waits longer than this for the queue manager. 300 s is the
    time between two of its own runs; normally it takes up new mail at once."""
    most_waiting_messages: Annotated[int, Field(ge=1)] = 100_000
    """A node with more messages in one pool's queue is overloaded. The queue manager keeps 20,000 of them at
    work; five times as many is what an established address sends in ten hours."""
    most_cpu_pressure_percent: Annotated[int, Field(ge=1, le=100)] = 95
    """A node is overloaded when something waits for its processors for more of the time than this: the
    kernel's own figure over ten seconds (`/proc/pressure/cpu`)."""
    way_out_domains: list[Domain] = Field(default=[])
    """Domains of others, of providers that the fleet sends to: each node tries every half minute, from each
    of its addresses, whether a mail exchanger of one of them answers. Left out: nobody tries."""
    block_lists: list[Domain] = Field(default=[])
    """Block lists to look up sending addresses in, such as `zen.spamhaus.org`. A listing is told, no more.
    Most lists want an agreement with those who ask them often."""
    canary_interval_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """How often each node sends itself a small message, through the pools in turn, to learn whether mail gets
    through its instances; 0: never."""
    canary_limit_seconds: Annotated[int, Field(ge=5, le=86_400)] = 60
    """A message of this kind that takes longer counts as lost."""
    dns_ttl_seconds: Annotated[int, Field(ge=1, le=300)] = 5
    """How long resolvers may keep the steered names."""
    route53_writer: bool = False
    """On AWS: the daemons write the steered names into Route 53 themselves, in place of answers that hang on
    health checks there. Decide it before the fleet's first `up`."""
    store_nodes: list[Label] = Field(default=[])
    """The nodes that keep the fleet's shared store, each in a site of its own, three, five or another odd
    number: as long as most of them are there, DNS can be changed. Left out: the first node of each region by
    name, and the witness when that makes their number odd."""


class Capacity(Strict):
    """Messages an hour that one sending address carries, by how long it has been sending."""

    fresh_messages_per_hour: Annotated[int, Field(ge=1)] = 20
    """In its first two weeks, or without history. 20 is the first day of SendGrid's schedule."""
    warming_messages_per_hour: Annotated[int, Field(ge=1)] = 2_000
    """Until six weeks. SendGrid's schedule passes 2,000 on its fifteenth day."""
    established_messages_per_hour: Annotated[int, Field(ge=1)] = 10_000
    """After that. Mailtrap's schedule ends above 11,000."""


class Link(Strict):
    """The line between regions, each way."""

    delay_milliseconds: Annotated[int, Field(ge=0, le=1000)] = 0
    """Added to every packet."""
    jitter_milliseconds: Annotated[int, Field(ge=0, le=1000)] = 0
    """The most a packet's delay differs from the figure above."""
    loss_percent: Annotated[float, Field(ge=0, le=50)] = 0
    """Share of packets dropped."""


class Application(Strict):
    """The host whose applications send mail; it carries a front door of its own."""

    site: Label
    """The name of its site."""
    network: IPv4Network
    """The site's network."""
    node: Label
    """The machine's name."""
    address: IPv4Address
    """The machine's address."""


class Lab(Strict):
    """What only a lab has: the world around the fleet."""

    link: Link = Link()
    """The line between regions."""
    application: Application
    """The host the senders run on."""
    operator_network: IPv4Network
    """Where the operator's own commands run."""
    internet_network: IPv4Network
    """Where the simulated ISPs, root servers and certificate authority answer."""


class Environment(Strict):
    """One environment file."""

    environment: Label
    """Its name; the same as the file's."""
    substrate: Literal["lab", "aws"]
    """What the fleet is built on: `lab` is machines on this host, `aws` is Amazon Web Services."""
    operator: Operator
    """Who runs the fleet, and its own names."""
    acme: Acme
    """Where certificates come from."""
    regions: dict[Label, Region]
    """At least two, all active."""
    witness: Witness
    """The third site."""
    pools: Annotated[dict[Label, Pool], Field(min_length=1, max_length=20)]
    """Streams of mail, each with its own addresses. The order fixes port numbers: add at the end."""
    domains: Annotated[dict[Domain, SendingDomain], Field(min_length=1)]
    """The domains mail is sent from."""
    users: Annotated[dict[Label, User], Field(min_length=1)]
    """The accounts that submit mail."""
    limits: Limits = Limits()
    """Limits on submission and queueing."""
    failover: Failover = Failover()
    """How failures are found and how far the reaction may go."""
    capacity: Capacity = Capacity()
    """What one sending address carries."""
    lab: Lab | None = None
    """The world around a lab fleet; needed with `substrate: lab`."""
    aws: Aws | None = None
    """The account a fleet on AWS lives in, and its machines; needed with `substrate: aws`."""
