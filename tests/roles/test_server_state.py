"""What is kept of HAProxy's server states over a reload."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fleet.paths import project_root

HEADER = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
    "srv_check_addr srv_agent_addr srv_agent_port"
)
DRAINED = "5 pool_a_smtps 1 east-1 198.51.100.11 2 8 256 256 1 15 3 3 6 0 0 0 - 11465 - 0 11587 - - 0"
WEIGHTED = "5 pool_a_smtps 2 west-1 203.0.113.11 0 0 33 1 1 15 3 3 6 0 0 0 - 11465 - 0 11587 - - 0"
STATE = f"1\n{HEADER}\n{DRAINED}\n{WEIGHTED}\n\n"
CONFIGURATION = """
frontend door
    bind 198.51.100.21:465
    default_backend pool_a_smtps
backend pool_a_smtps
    default-server check inter 5s
    server east-1 198.51.100.11:11465 weight 256
    server west-1 203.0.113.11:{port} weight 1
"""


@pytest.fixture(scope="module")
def saver() -> ModuleType:
    path = project_root() / "templates/front/usr/local/lib/mtafleet/save-server-state"
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # what lies beside templates is shipped
    loader = importlib.machinery.SourceFileLoader("save_server_state", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("save_server_state", loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    monkeypatch.undo()
    return module


def test_states_and_weights_are_kept_but_not_the_ports_of_checks(saver: ModuleType) -> None:
    kept = saver.keep(STATE, saver.configured(CONFIGURATION.format(port=11465))).splitlines()
    assert kept[:2] == ["1", HEADER]
    assert kept[2:] == [" ".join(line.split()[:20]) for line in (DRAINED, WEIGHTED)]
    assert "11587" not in "".join(kept)


def test_a_server_that_moves_is_not_held_back(saver: ModuleType) -> None:
    kept = saver.keep(STATE, saver.configured(CONFIGURATION.format(port=12465)))
    assert "east-1" in kept
    assert "west-1" not in kept


@pytest.mark.parametrize("answer", ["2\n# be_id\n", "1\nsomething else\n", ""])
def test_an_answer_of_another_form_is_not_kept(saver: ModuleType, answer: str) -> None:
    with pytest.raises((OSError, ValueError, IndexError)):
        saver.keep(answer, {})


def test_a_silent_haproxy_is_no_obstacle_and_old_states_are_dropped(
    saver: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "server-state"
    state.write_text("old")
    monkeypatch.setattr(saver, "STATE_FILE", state)
    monkeypatch.setattr(saver, "ADMIN_SOCKET", str(state.with_name("no-such-socket")))
    saver.main()
    assert not state.exists()
    assert "server states are not kept" in capsys.readouterr().err
