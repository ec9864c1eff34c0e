"""The helper that drives nodes says what failed, and leaves nothing behind."""

import socket

import psutil
import pytest

from tests.demo.nodes import Node, StepError, free_ports

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_a_command_that_fails_is_named_with_what_it_said_itself(tmp_path):
    node = Node("hq-server", tmp_path / "nowhere", 0, {"LC_ALL": "C.UTF-8"})

    with pytest.raises(StepError) as failure:
        node.run("enrol", "B001", "North")

    assert failure.value.exit_code == 2
    assert "hq-server enrol B001 North" in str(failure.value)
    assert "init" in failure.value.said  # the cure, in the product's own words


def test_a_server_that_cannot_have_its_port_is_reported_with_its_last_words_and_is_gone(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = Node("hq-server", tmp_path / "hq", taken.getsockname()[1], {"LC_ALL": "C.UTF-8"})
        node.run("init")
        node.start()
        pid = node.server_pid
        assert pid is not None

        with pytest.raises(StepError) as failure:
            node.wait_until_healthy()
        node.stop()

    assert "serve" in failure.value.command
    assert failure.value.said
    assert not psutil.pid_exists(pid)


def test_a_preferred_port_is_taken_when_free_and_replaced_when_not():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        ports = free_ports([port, 0, 0])

    assert port not in ports
    assert len(set(ports)) == 3
    assert free_ports([ports[1]]) == [ports[1]]
