"""Which hosts credentials may go to: the check of base URLs and of the addresses behind a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from unilead.errors import SettingsError

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]|[^\x00-\x7f]")
_GLOBAL_UNICAST = ip_network("2000::/3")  # everything else of IPv6 is local, reserved, or leads into IPv4
_NEVER = tuple(  # tunnels into IPv4, and special blocks that older Pythons take for global ones
    ip_network(text) for text in ("2001::/32", "2002::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")
)


def check_url(url: str, allowed_hosts: Sequence[str], *, provider: str | None = None) -> str:
    """Check that a URL may be sent credentials: https, no userinfo, default port, an allowed host.

    Args:
        url: absolute URL.
        allowed_hosts: regular expressions, each for a whole host in lower case.
    Returns: the URL, unchanged.
    Raises: SettingsError naming the host at most.
    """

    def refuse(reason: str) -> SettingsError:
        return SettingsError(
            f"base URL {reason}", provider=provider, hint="use the address the CRM shows for the account"
        )

    if _FORBIDDEN.search(url):
        raise refuse("has characters that no URL may have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refuse("is not a URL") from None
    if parts.scheme != "https":
        raise refuse("must begin with https://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise refuse("must not hold a user name")
    if port not in (None, 443) or parts.netloc.endswith(":"):
        raise refuse("must not name a port")
    host = (parts.hostname or "").lower()
    if not _HOST.fullmatch(host) or not any(re.fullmatch(pattern, host) for pattern in allowed_hosts):
        raise refuse("names a host that is not this provider's")
    if parts.path not in ("", "/") or "?" in url or "#" in url:
        raise refuse("must end after the host")
    return url


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet: not private, loopback, link-local, multicast or a tunnel."""
    try:
        ip: IPv4Address | IPv6Address = ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    if any(ip in network for network in _NEVER):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
