"""S001 to S004, S008 and B072 for every installed provider: no setting leads out of the CRM, or out of its header."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from acme import AcmeSettings, AcmeSimulator, EmptyRegistry, make_info, make_plugin
from tests.members import SLUGS
from unilead import (
    Account,
    BasicAuth,
    Client,
    Lead,
    LeadError,
    OAuth2,
    Provider,
    Registry,
    Request,
    Response,
    SettingsError,
)
from unilead.auth import credential_headers
from unilead.oauth import token_url

REGISTRY = Registry(overrides=False)
INSIDE = [
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",
    "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "192.0.0.170", "224.0.0.1", "240.0.0.1", "8.8.8.8",
]  # fmt: skip
TRICKS = [  # {host} is the host that the account would have, {domain} its last two labels
    "evil{domain}", "{host}.evil.com", "{domain}.evil.com", "evil.com#{host}", "evil.com#.{domain}", "evil.com?{host}",
    "evil.com/{host}", "evil.com/", "evil.com\\@{host}", "evil.com\\.{domain}", "{host}@evil.com", "user@{host}",
    "user:pw@{host}", "{host}:8443", "{host}:443@evil.com", "{host}:", "{host}.", "{host}/../x", "{host}/x", "{host}?x",
    "{host}#", "\n{host}", "{host}\n", "{host}\r\nX-Evil: 1", "ev\til.com", "{host}\x00.evil.com", "..{domain}",
    "acme/../", "acme.evil.com#.{domain}", "acme.example.com", "../", "a..b", "-acme", "acme-", "ac_me", "%2e%2e",
    "аcme", "ａｃｍｅ", "acme。evil。com", "１２７.0.0.1", "x" * 300, "x" * 64, " ", " acme", "acme ", "ac me",
]  # fmt: skip
SCHEMES = ["http://", "ftp://", "file://", "gopher://", "//", "https:", "https:///", "https://"]


def sample(slug: str) -> tuple[Provider, dict[str, Any]]:
    provider = REGISTRY.get(slug)
    return provider, dict(provider.simulator().sample_settings)


def texts(provider: Provider) -> Iterator[str]:
    """The settings that hold a text which is no secret: one of them may become a part of the host."""
    for name, field in provider.info.settings.model_fields.items():
        if "str" in str(field.annotation) and "Secret" not in str(field.annotation) and "dict" not in str(field):
            yield name


def origin_with(provider: Provider, values: dict[str, Any]) -> str | None:
    """Where requests would go; ``None`` for refused settings."""
    try:
        return provider.base_url(provider.settings(values))
    except SettingsError as error:
        assert "evil" not in str(error), "an error shows the value"
        return None


@pytest.mark.parametrize("slug", SLUGS)
def test_s001_s003_s004_b072_no_setting_leads_out_of_the_crm(slug: str) -> None:
    provider, values = sample(slug)
    usual = origin_with(provider, values)
    host = urlsplit(usual).hostname
    domain = ".".join(host.split(".")[-2:])
    odd = INSIDE + [trick.format(host=host, domain=domain) for trick in TRICKS]
    odd += [f"{scheme}{place}" for place in odd for scheme in SCHEMES] + [f"{scheme}{host}" for scheme in SCHEMES[:-1]]
    for name in texts(provider):
        others = [other for other in texts(provider) if other != name]
        for value in odd:
            for left_out in (None, *others):  # a setting may count only where another one is not given
                kept = {key: item for key, item in values.items() if key != left_out}
                found = origin_with(provider, {**kept, name: value})
                assert found is None or found == usual or _is_a_label_of(found, value, domain), (name, value, found)


@pytest.mark.parametrize("slug", SLUGS)
def test_s004_s005_no_setting_leads_its_tokens_elsewhere(slug: str) -> None:
    """The token endpoint gets client and refresh token; where it is may come from a setting or from an answer."""
    provider, values = sample(slug)
    for scheme in (scheme for scheme in provider.info.auth_schemes if isinstance(scheme, OAuth2)):
        usual = token_url(provider.info, scheme, provider.settings(values))
        host = urlsplit(usual).hostname
        domain = ".".join(host.split(".")[-2:])
        odd = INSIDE + [trick.format(host=host, domain=domain) for trick in TRICKS]
        for name in texts(provider):
            for value in odd + [f"{start}{place}" for place in odd for start in SCHEMES]:
                try:
                    found = token_url(provider.info, scheme, provider.settings({**values, name: value}))
                except SettingsError:
                    continue
                assert found == usual or _is_a_label_of(found.partition(urlsplit(found).path)[0], value, domain)


def _is_a_label_of(origin: str, value: str, domain: str) -> bool:
    """Whether the value became nothing more than one label in front of the CRM's own domain."""
    parts = urlsplit(origin)
    clean = (parts.scheme, parts.path, parts.query, parts.fragment, parts.port) == ("https", "", "", "", None)
    return clean and parts.netloc.endswith(f".{domain}") and value.lower() in parts.netloc.split(".")


@pytest.mark.parametrize("slug", SLUGS)
def test_b072_an_empty_text_is_no_address(slug: str) -> None:
    provider, values = sample(slug)
    usual = origin_with(provider, values)
    for name in texts(provider):
        assert origin_with(provider, {**values, name: ""}) in (None, usual), name


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("odd", ["{}\n", "\r\n{}", "a\r\nX-Evil: {}", "{}\x00", "{}\x7f", " {}", "{} ", "   ", "\t"])
def test_s008_a_credential_with_a_line_break_or_blanks_around_it_is_refused(slug: str, odd: str) -> None:
    provider, values = sample(slug)
    secrets = [name for name in values if isinstance(getattr(provider.settings(values), name), SecretStr)]
    assert secrets
    for name in secrets:
        with pytest.raises(SettingsError) as caught:
            provider.settings({**values, name: odd.format(values[name])})
        assert name in str(caught.value)
        assert str(values[name]) not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize("slug", SLUGS)
def test_s008_no_credential_header_can_be_split(slug: str) -> None:
    """Whatever the settings let through, the headers are printable ASCII, or refused before there is a request."""
    provider, values = sample(slug)
    for name in values:
        for odd in ("ключ", "key\u2028x", "k\u0085y", "x" * 5_000, "a:b"):
            try:
                headers = credential_headers(provider.info, provider.settings({**values, name: odd}))
            except LeadError:
                continue
            for header in headers.values():
                assert header.isascii() and header.isprintable(), name


class _Named(AcmeSettings):
    user: str


@pytest.mark.parametrize(("user", "fit"), [("a~ z", True), ("a\nz", False), ("a\x1fz", False), ("a\x7fz", False)])
def test_s008_a_user_name_with_a_control_character_is_refused(user: str, fit: bool) -> None:
    """Settings check secrets alone."""
    registry = EmptyRegistry()
    info = make_info(settings=_Named, auth=BasicAuth("{user}", "{token}"))
    registry.register("acme", make_plugin(describe=lambda: info))
    account = Account("acme", {"user": user, "token": "k"})
    sent: list[str] = []

    class Crm(AcmeSimulator):
        def send(self, request: Request, *, credentials: Any, timeout: float) -> Response:
            sent.extend(credentials.values())
            return Response.of(201, {"prospect": {"id": 7, "surname": "a"}})

    with Client(registry=registry, transport=Crm()) as client:
        if fit:
            client.create({"last_name": "a"}, account)
            assert sent == ["Basic " + base64.b64encode(f"{user}:k".encode()).decode()]
            return
        with pytest.raises(SettingsError, match="user or token has characters"):
            client.create({"last_name": "a"}, account)
    assert sent == []


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    "odd", ["../../admin", "a/b", "a?b=c", "a#b", "a\r\nX-Evil: 1", "a\x00b", "%2e%2e%2f", "..", "a\\b"]
)
def test_s009_an_id_stays_one_segment_of_the_path(slug: str, odd: str) -> None:
    provider, values = sample(slug)
    settings = provider.settings(values)
    usual = provider.build_read_request("1", settings).url
    try:
        url = provider.build_read_request(odd, settings).url
    except LeadError:
        return
    assert url.count("/") == usual.count("/")
    assert (url.split("?")[1:], "#" in url) == (usual.split("?")[1:], False)
    assert url.isascii() and url.isprintable()


@pytest.mark.parametrize("slug", SLUGS)
def test_s009_a_query_stays_a_query(slug: str) -> None:
    provider, values = sample(slug)
    settings = provider.settings(values)
    lead = Lead.parse(MINIMAL)
    plain = provider.build_request(lead, settings).url
    url = provider.build_request(
        lead, settings, remote_query={"a&b": "c#d/../?e\r\nHost: evil.com", "@evil.com": "x"}
    ).url
    assert url.startswith(plain)
    assert url[len(plain) :].count("?") <= 1
    assert "#" not in url and "evil.com/" not in url
    assert url.isprintable()


MINIMAL = {
    "title": "Harbor Coffee",
    "name": "Harbor Coffee",
    "first_name": "Mira",
    "last_name": "Kos",
    "contact": {"id": "77002"},
    "account": {"id": "77003"},
}
