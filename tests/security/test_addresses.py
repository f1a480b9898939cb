"""S001 to S004: which hosts and addresses credentials may go to, by the two checks themselves."""

from __future__ import annotations

import pytest

from unilead import SettingsError
from unilead.origin import check_url, is_public

ALLOWED = (r"api\.crm\.example", r"[a-z0-9-]+\.crm\.example")
INSIDE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "169.254.169.254", "10.0.0.1", "10.255.255.255", "172.16.0.1",
    "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.0.100", "192.0.0.170",
    "192.88.99.1", "198.18.0.1", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fd00::1", "fc00::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001::7f00:1",
    "2001:db8::1", "3fff::1", "5f00::1", "4000::1", "ff02::1",
]  # fmt: skip
NO_ADDRESSES = ["", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "1.2.3", "1.2.3.4.5", "１２７.0.0.1"]
PUBLIC = ["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.169.0.1", "2606:4700::1111"]


@pytest.mark.parametrize("address", INSIDE + NO_ADDRESSES)
def test_s001_inside_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_s001_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", [*INSIDE, *NO_ADDRESSES, "[::1]", "[::ffff:127.0.0.1]", "8.8.8.8", "[2606:4700::1111]"]
)
def test_s001_no_address_is_an_allowed_host(host: str) -> None:
    with pytest.raises(SettingsError):
        check_url(f"https://{host}", ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.crm.example",
        "ftp://api.crm.example",
        "file:///etc/passwd",
        "gopher://api.crm.example",
        "//api.crm.example",
        "api.crm.example",
        "",
        "https://",
        "https:///api.crm.example",
        "https:api.crm.example",
        "https://user@api.crm.example",
        "https://user:secret@api.crm.example",
        "https://@api.crm.example",
        "https://api.crm.example:8443",
        "https://api.crm.example:",
        "https://api.crm.example:0",
        "https://api.crm.example:99999",
        "https://api.crm.example:443@evil.com",
        "https://api.crm.example.",
        "https://api.crm.example\\@evil.com",
        "https://evil.com\\.crm.example",
        "https://evil.com@api.crm.example",
        "https://api.crm.example@evil.com",
        "https://api.crm\t.example",
        "https://api.crm.example\n",
        "\nhttps://api.crm.example",
        " https://api.crm.example",
        "https://api.crm.example\r\nHost: evil.com",
        "https://api.crm.example\x00.evil.com",
        "https://аpi.crm.example",  # the first letter is Cyrillic
        "https://api。crm。example",
        "https://ａｐｉ.crm.example",
        "https://api%2ecrm%2eexample",
        "https://api.crm.example%00.evil.com",
        "https://api.crm.example/../x",
        "https://api.crm.example/x",
        "https://api.crm.example?x=1",
        "https://api.crm.example?",
        "https://api.crm.example#",
        "https://evil.com#.crm.example",
        "https://evil.com?.crm.example",
        "https://evil.com/.crm.example",
        "https://evil.com;.crm.example",
        "https://[api.crm.example",
        "https://[::1].crm.example",
    ],
)
def test_s003_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_url(url, ALLOWED)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "evilcrm.example",
        "crm.example",
        "api.crm.example.evil.com",
        "apixcrm.example",
        "api.crm-example",
        "-.crm.example",
        "a-.crm.example",
        "a.b.crm.example",
        "a_b.crm.example",
        "..crm.example",
        "x" * 64 + ".crm.example",
        "api.crm.example.crm.exampl",
    ],
)
def test_s004_hosts_beside_the_allow_list_are_refused(host: str) -> None:
    with pytest.raises(SettingsError):
        check_url(f"https://{host}", ALLOWED)


@pytest.mark.parametrize("url", ["https://api.crm.example", "https://api.crm.example/", "https://acme.crm.example:443"])
def test_an_allowed_host_passes_unchanged(url: str) -> None:
    assert check_url(url, ALLOWED) == url
