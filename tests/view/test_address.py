import socket
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from splat.errors import SplatError
from splat.view.address import check_host, check_port
from splat.view.app import App


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.5", "example.org"])
def test_other_addresses_are_refused_with_the_line_that_is_safe(host: str) -> None:
    with pytest.raises(SplatError, match=r"ssh -L 8080:127\.0\.0\.1:8080"):
        check_host(host, 8080)
    check_host("127.0.0.1", 8080)
    check_host("localhost", 8080)


def test_a_port_that_is_taken_is_refused_with_one_that_is_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SplatError, match=r"is taken.*port=[0-9]+ is free"):
            check_port(other.getsockname()[1])
    check_port(0)


def test_only_this_machine_and_pages_of_its_own_get_in(viewer: App) -> None:
    port = viewer.server.get_port()
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}").status == 200
    for origin in (None, f"http://localhost:{port}", "http://127.0.0.1:9000"):
        connect(f"ws://127.0.0.1:{port}", origin=origin, max_size=None).close()
    for origin in ("http://example.org", "https://127.0.0.1.example.org", "null"):
        with pytest.raises(InvalidStatus):
            connect(f"ws://127.0.0.1:{port}", origin=origin)


def test_other_interfaces_are_not_listened_on(viewer: App) -> None:
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    others = [address for address in addresses if not address.startswith("127.")]
    if not others:
        pytest.skip("this machine has no other address")
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex((others[0], viewer.server.get_port())) != 0
