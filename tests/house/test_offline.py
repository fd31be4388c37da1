"""The suite cannot reach anything but its own machine, and neither can the processes it starts."""

import socket
import subprocess
import sys

import pytest

ELSEWHERE = ("192.0.2.1", 80)  # TEST-NET-1 (RFC 5737): belongs to nobody


def test_a_connection_that_would_leave_the_machine_is_refused():
    with socket.socket() as s, pytest.raises(OSError, match="would leave this machine"):
        s.connect(ELSEWHERE)


def test_a_name_that_is_not_of_this_machine_is_not_looked_up():
    with pytest.raises(socket.gaierror, match="would leave this machine"):
        socket.create_connection(("models.invalid", 443))


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_a_process_with_the_offline_environment_is_kept_in_as_well(offline_environment):
    program = f"import socket; socket.create_connection({ELSEWHERE!r}, 2)"
    done = subprocess.run([sys.executable, "-c", program], env=offline_environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "would leave this machine" in done.stderr
