"""What an account of HubSpot needs: how to sign in, which version to talk to, and where the account keeps its own ways.

Source: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/leads/guide (read 2026-11-23).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field as Setting
from pydantic import StringConstraints, model_validator

from unilead import OAuthSettings

OWN_PROPERTIES = frozenset({"hs_lead_name", "hs_lead_type", "hubspot_owner_id"})  # what fields are always written to

PropertyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)]
AssociationType = Annotated[int, Setting(ge=1, le=2**31 - 1)]


class HubSpotSettings(OAuthSettings):
    """A HubSpot account: a service key or private-app token, or an OAuth app with a refresh token.

    Attributes:
        api_version: version of the CRM API; from ``2026-09`` on an account's own write rules apply.
        contact_association_type_id: type of the link to the contact; 578 is HubSpot's *primary contact*.
        account_association_type_id: type of the link to the company; 610 is HubSpot's *company*.
        status_property: property that takes ``status``, such as ``hs_pipeline_stage``.
        lead_source_property: custom property that takes ``lead_source``; without one it is not sent.
    """

    api_version: Literal["2026-09", "2026-03", "v3"] = "2026-09"
    contact_association_type_id: AssociationType = 578
    account_association_type_id: AssociationType = 610
    status_property: PropertyName = "hs_lead_label"
    lead_source_property: PropertyName | None = None

    @model_validator(mode="after")
    def _gives_each_field_its_own_property(self) -> Self:
        for name in ("status_property", "lead_source_property"):
            if getattr(self, name) in OWN_PROPERTIES:
                raise ValueError(f"{name} names a property that another field is written to")
        if self.lead_source_property == self.status_property:
            raise ValueError("lead_source_property must differ from status_property")
        return self

    @property
    def leads_path(self) -> str:
        """Path of the leads; the old version has another layout."""
        return "/crm/v3/objects/leads" if self.api_version == "v3" else f"/crm/objects/{self.api_version}/leads"
