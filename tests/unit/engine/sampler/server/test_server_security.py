"""Keys and origins."""

import pytest

from engine.sampler.server.security import has_key, is_cross_origin, is_loopback


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_what_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        ("Bearer k", True),
        ("bearer  k ", True),
        ("Bearer kk", False),
        ("Bearer", False),
        ("", False),
        ("Basic k", False),
        ("Bearer \udcff", False),
    ],
)
def test_the_key(header: str, fits: bool) -> None:
    assert has_key(header, "k") is fits


@pytest.mark.parametrize(
    ("headers", "cross"),
    [
        ({}, False),
        ({"Host": "127.0.0.1:8188", "Origin": "http://127.0.0.1:8188"}, False),
        ({"Host": "LOCALHOST:8188", "Origin": "http://localhost:8188"}, False),
        ({"Host": "127.0.0.1:8188", "Origin": "http://127.0.0.1:9999"}, True),
        ({"Host": "127.0.0.1:8188", "Origin": "http://localhost:8188"}, True),
        ({"Host": "127.0.0.1:8188", "Origin": "null"}, True),
        ({"Host": "127.0.0.1:8188", "Origin": "http://[::1"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
    ],
)
def test_other_origins(headers: dict[str, str], cross: bool) -> None:
    assert is_cross_origin("GET", headers) is cross
