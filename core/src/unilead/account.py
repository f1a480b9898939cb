"""Account: one customer's connection to one CRM."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from unilead.settings import Settings


@dataclass(frozen=True, slots=True)
class Account:
    """One customer's connection to one CRM.

    Attributes:
        provider: slug.
        settings: the provider's settings; a mapping is copied, and checked against its model at first use. To change
            an account's settings, make another: ``dataclasses.replace(account, settings=…)``.
        id: unique name of the account, a uuid; made up when not given.
        read_back: read each created lead back, to fill what the create did not answer.
    """

    provider: str
    settings: Settings | Mapping[str, Any] = field(default_factory=dict, repr=False)
    id: str = field(default_factory=lambda: str(uuid4()))
    read_back: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.settings, Mapping):  # a later change of the caller's would not be seen, and may be half made
            object.__setattr__(self, "settings", MappingProxyType(deepcopy(dict(self.settings))))

    def __reduce__(self) -> tuple[Any, ...]:
        settings = dict(self.settings) if isinstance(self.settings, Mapping) else self.settings
        return Account, (self.provider, settings, self.id, self.read_back)
