"""Submission credentials: hashed, per pool, the same at each rendering."""

import subprocess
from shutil import which

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import passwords
from fleet.canary import USER
from fleet.inventory import InventoryError, NodeModel
from tests.roles.conftest import Render
from tests.roles.edited import with_secrets


def test_the_method_is_sha_crypt() -> None:
    """From the method's own description: 5,000 rounds, the salt "saltstring"."""
    digest = passwords._digest(b"Hello world!", b"saltstring", 5000)
    assert passwords._encode(digest) == (
        "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
    )


@settings(max_examples=20)
@given(password=st.text(min_size=1, max_size=200).filter(lambda text: "\0" not in text))
def test_the_same_password_always_hashes_alike_and_for_each_user_differently(password: str) -> None:
    assert passwords.hash_password(password, "lab a") == passwords.hash_password(password, "lab a")
    assert passwords.hash_password(password, "lab a") != passwords.hash_password(password, "lab b")


@pytest.mark.skipif(which("perl") is None, reason="no perl to compare with")
@pytest.mark.parametrize("length", [1, 16, 63, 64, 65, 128, 129])
def test_libc_verifies_our_hashes(length: int) -> None:
    password = "p" * length
    ours = passwords.hash_password(password, "lab user")
    script = "print crypt($ARGV[0], $ARGV[1])"
    theirs = subprocess.run(
        ["perl", "-e", script, password, ours], capture_output=True, text=True, check=True
    )
    assert theirs.stdout == ours


def test_each_instance_knows_its_own_pools_users_only(render: Render, east: NodeModel) -> None:
    contents = render("auth", east).contents
    users = {
        path.removeprefix("/etc/mtafleet/auth/"): [line.split(":")[0] for line in text.decode().splitlines()]
        for path, text in contents.items()
        if path.endswith(".users")
    }
    assert users == {
        "transactional.users": ["shop-app", USER],
        "marketing.users": ["newsletter", USER],
        "notification.users": ["shop-alerts", USER],
    }


def test_the_pool_that_postfix_names_picks_the_list_of_users(render: Render, east: NodeModel) -> None:
    dovecot = render("auth", east).contents["/etc/dovecot/dovecot.conf"].decode()
    assert "passwd_file_path = /etc/mtafleet/auth/%{protocol}.users" in dovecot
    for name in ("transactional", "marketing", "notification"):
        assert f"unix_listener auth-{name} {{" in dovecot


@pytest.mark.parametrize("password", [None, "short"])
def test_a_missing_or_guessable_password_is_an_error_that_does_not_show_it(
    render: Render, east: NodeModel, password: str | None
) -> None:
    node = with_secrets(east, users={} if password is None else {"shop-app": password})
    with pytest.raises(InventoryError, match="for the user shop-app") as caught:
        render("auth", node)
    assert password is None or password not in str(caught.value)
