"""What an account of Salesforce needs: where its org is, how to sign in, and the org's own ways.

Source: https://developer.salesforce.com/docs/platform/pkg2-dev/guide/packaging-instanceless-url.html (read 2026-11-23).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import StringConstraints, field_validator, model_validator

from unilead import OAuthSettings

OLDEST_VERSION = 41
LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PARTITION = r"(?:\.(?:sandbox|develop|scratch|trailblaze|patch|demo|free))?"
HOSTS = {  # a My Domain host, which may name a partition; the others only for accounts that say so
    "standard": rf"{_LABEL}{_PARTITION}\.my\.salesforce\.com",
    "government": rf"{_LABEL}{_PARTITION}\.my\.salesforce\.mil",
    "china": rf"{_LABEL}{_PARTITION}\.my\.sfcrmproducts\.cn",
    "instance": r"[a-z]{2,4}[0-9]{1,3}\.salesforce\.com",
}
TOKEN_HOSTS = (*map(re.escape, LOGIN_HOSTS), *(HOSTS[name] for name in HOSTS if name != "instance"))

CustomField: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,76}__c$")]


class SalesforceSettings(OAuthSettings):
    """A Salesforce org, entered with an access token or through a connected or external client app.

    Attributes:
        hosting: which hosts ``instance_url`` may name: ``standard`` My Domain hosts, those of the ``government`` cloud
            or of ``china``, or an ``instance`` host of old, such as ``na139.salesforce.com``.
        instance_url: the org's own address, such as ``https://acme.my.salesforce.com``; token answers name it.
        login_host: where tokens come from: ``login.salesforce.com``, ``test.salesforce.com``, or the My Domain host.
        api_version: such as ``68.0``, from ``41.0`` on.
        duplicate_rule: ``true`` pushes a lead past duplicate rules that only alert, ``false`` lets them refuse it;
            without it nothing is said and the org's rules apply.
        auto_assign: ``TRUE``, ``FALSE`` or the id of an assignment rule; without it ``FALSE`` for a lead with an
            owner, so that the owner stays, and Salesforce's own ``TRUE`` for others.
        account_field: custom look-up field on the lead that takes ``account.id``.
        external_id_field: unique external-id field on the lead; a lead that gives it is upserted, so that sending it
            twice makes one lead.
        use_state_country_codes: write state and country to ``StateCode`` and ``CountryCode``.
        extended_fields: send ``description``, ``industry``, ``website``, ``number_of_employees`` and ``status`` too,
            which the unified contract does not list for Salesforce.
    """

    ways_in: ClassVar[str] = (
        "access_token, or client_id and refresh_token, with client_secret if the app asks for a secret"
    )
    seed_settings: ClassVar[tuple[str, ...]] = (*OAuthSettings.seed_settings, "login_host", "instance_url")

    hosting: Literal["standard", "government", "china", "instance"] = "standard"
    instance_url: str
    login_host: str = LOGIN_HOSTS[0]
    api_version: str = "68.0"
    duplicate_rule: bool | None = None
    auto_assign: str | None = None
    account_field: CustomField | None = None
    external_id_field: CustomField | None = None
    use_state_country_codes: bool = False
    extended_fields: bool = False

    @field_validator("instance_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        """Reduce what people paste to the origin."""
        host = _host_of(value)
        if host.endswith((".force.com", ".my.site.com")):
            raise ValueError("is the address of Salesforce's pages; the API's ends in .my.salesforce.com")
        if not host or not any(re.fullmatch(pattern, host) for pattern in HOSTS.values()):
            raise ValueError("must be the https address of an org, such as https://acme.my.salesforce.com")
        return f"https://{host}"

    @field_validator("login_host")
    @classmethod
    def _is_login_host(cls, value: str) -> str:
        host = value.lower()
        if not any(re.fullmatch(pattern, host) for pattern in TOKEN_HOSTS):
            raise ValueError("must be login.salesforce.com, test.salesforce.com or the org's My Domain host")
        return host

    @field_validator("api_version")
    @classmethod
    def _is_served(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9]{2,3}\.0", value) or int(value[:-2]) < OLDEST_VERSION:
            raise ValueError(f"must be a version such as 68.0, at least {OLDEST_VERSION}.0")
        return value

    @field_validator("auto_assign", mode="before")
    @classmethod
    def _is_assignment(cls, value: Any) -> Any:
        if value is None:
            return None
        text = str(value).upper() if str(value).lower() in ("true", "false") else str(value)
        if not re.fullmatch(r"TRUE|FALSE|01Q[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?", text):
            raise ValueError("must be TRUE, FALSE or the id of an assignment rule, which begins with 01Q")
        return text

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        host = self.instance_url.removeprefix("https://")
        if not re.fullmatch(HOSTS[self.hosting], host):
            raise ValueError("instance_url is of another hosting than the setting hosting says")
        if self.account_field and self.account_field == self.external_id_field:
            raise ValueError("account_field and external_id_field name one field")
        return self

    @property
    def data_path(self) -> str:
        """Where the version's resources begin."""
        return f"/services/data/v{self.api_version}"

    @property
    def leads_path(self) -> str:
        """Where leads are created and read."""
        return f"{self.data_path}/sobjects/Lead"


def _host_of(url: str) -> str:
    """The host of an address that may be sent tokens, in lower case; empty for any other."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return ""
    try:
        parts = urlsplit(url)
        odd_port = parts.port not in (None, 443)
    except ValueError:
        return ""
    if parts.scheme != "https" or odd_port or "@" in parts.netloc or parts.path not in ("", "/") or "?" in url:
        return ""
    return "" if "#" in url or parts.netloc.endswith(":") else (parts.hostname or "").lower()
