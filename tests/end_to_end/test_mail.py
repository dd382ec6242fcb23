"""What becomes of mail: all of it arrives, verifies everywhere, and leaves from the right addresses."""

import pytest

from tests.end_to_end.mail import COUNT, Mail
from tests.end_to_end.system import System

STREAMS = ("transactional", "marketing", "notification")
LEAST_VERIFIED = COUNT // 20


@pytest.mark.parametrize("stream", STREAMS)
def test_every_message_is_accepted_and_none_is_lost(mail: Mail, stream: str, figures: dict[str, str]) -> None:
    sent = mail[stream]
    totals = sent.totals
    assert (totals["attempted"], totals["accepted"]) == (COUNT, COUNT), sent.sending["first_error"]
    assert (totals["lost"], totals["deferred"], totals["duplicated"], totals["unknown"]) == (0, 0, 0, 0)
    assert totals["delivered"] + totals["bounced"] == COUNT
    assert totals["delivered"] > 0.95 * COUNT
    figures[f"{stream}: delivered, bounced, verified"] = (
        f"{totals['delivered']}, {totals['bounced']}, {totals['verified']} of {COUNT}"
    )


@pytest.mark.parametrize("stream", STREAMS)
def test_whatever_a_provider_verified_passed(mail: Mail, configured: System, stream: str) -> None:
    # A look-up that timed out on a busy computer says nothing about the mail.
    seen = [event for event in mail[stream].events if event.authentication is not None]
    verified = [one for one in seen if one.authentication and not one.authentication["temporary_error"]]
    assert len(verified) >= LEAST_VERIFIED
    names = {str(one.address): one.name for one in configured.fleet.sending_addresses}
    for event in verified:
        found = event.authentication
        assert found is not None
        assert found["spf"] == "pass", event
        assert found["author_domain"] in found["dkim_domains"], event  # type: ignore[operator]
        assert found["spf_aligned"], event
        assert found["dkim_aligned"], event
        assert found["dmarc_policy"] is not None, event
        assert found["ptr_name"] == names[event.source] == event.helo, event


@pytest.mark.parametrize("stream", STREAMS)
def test_a_pools_mail_leaves_from_its_own_addresses_over_tls(
    mail: Mail, configured: System, stream: str
) -> None:
    own = {str(one.address) for one in configured.fleet.sending_addresses if one.pool == stream}
    regions = {node.site for node in configured.fleet.members(stream)}
    sources = {event.source for event in mail[stream].accepted}
    assert sources <= own
    nodes = {one.node for one in configured.fleet.sending_addresses if str(one.address) in sources}
    assert {configured.fleet.node(name).site for name in nodes} == regions
    assert all(event.tls for event in mail[stream].accepted)
