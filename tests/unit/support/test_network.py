import socket

import pytest
from pytest_socket import SocketConnectBlockedError


def test_a_test_cannot_talk_to_another_machine():
    with socket.socket() as client:
        client.settimeout(1)
        with pytest.raises(SocketConnectBlockedError):
            client.connect(("192.0.2.1", 80))  # an address reserved for documents


def test_a_test_can_talk_to_a_server_on_this_machine():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
