"""The public API with its types; `__init__.py` loads each name when it is first used."""

from pydantic import (
    SecretStr as SecretStr,
)

from unilead.account import (
    Account as Account,
)
from unilead.answered import (
    RowVerdict as RowVerdict,
)
from unilead.answered import (
    one_address as one_address,
)
from unilead.answered import (
    reference as reference,
)
from unilead.answered import (
    row_verdict as row_verdict,
)
from unilead.answered import (
    typed_items as typed_items,
)
from unilead.client import (
    AsyncClient as AsyncClient,
)
from unilead.client import (
    Client as Client,
)
from unilead.converters import (
    custom_field_values as custom_field_values,
)
from unilead.converters import (
    id_name as id_name,
)
from unilead.converters import (
    list_as_text as list_as_text,
)
from unilead.converters import (
    named_id as named_id,
)
from unilead.converters import (
    scalar_text as scalar_text,
)
from unilead.converters import (
    to_digits as to_digits,
)
from unilead.converters import (
    to_integer as to_integer,
)
from unilead.credential_stores import (
    FileCredentialStore as FileCredentialStore,
)
from unilead.credential_stores import (
    SqliteCredentialStore as SqliteCredentialStore,
)
from unilead.credentials import (
    CredentialKey as CredentialKey,
)
from unilead.credentials import (
    Credentials as Credentials,
)
from unilead.credentials import (
    CredentialStore as CredentialStore,
)
from unilead.credentials import (
    MemoryCredentialStore as MemoryCredentialStore,
)
from unilead.errors import (
    AuthError as AuthError,
)
from unilead.errors import (
    Category as Category,
)
from unilead.errors import (
    ConfigurationError as ConfigurationError,
)
from unilead.errors import (
    ConnectError as ConnectError,
)
from unilead.errors import (
    DuplicateLeadError as DuplicateLeadError,
)
from unilead.errors import (
    HookContractError as HookContractError,
)
from unilead.errors import (
    InvalidLeadError as InvalidLeadError,
)
from unilead.errors import (
    LeadError as LeadError,
)
from unilead.errors import (
    MalformedResponseError as MalformedResponseError,
)
from unilead.errors import (
    MissingFieldsError as MissingFieldsError,
)
from unilead.errors import (
    Outcome as Outcome,
)
from unilead.errors import (
    OutcomeUnknownError as OutcomeUnknownError,
)
from unilead.errors import (
    Problem as Problem,
)
from unilead.errors import (
    ProviderConflictError as ProviderConflictError,
)
from unilead.errors import (
    ProviderError as ProviderError,
)
from unilead.errors import (
    ProviderLoadError as ProviderLoadError,
)
from unilead.errors import (
    RateLimitError as RateLimitError,
)
from unilead.errors import (
    RejectedError as RejectedError,
)
from unilead.errors import (
    SettingsError as SettingsError,
)
from unilead.errors import (
    TransportError as TransportError,
)
from unilead.errors import (
    UnavailableError as UnavailableError,
)
from unilead.errors import (
    UnknownProviderError as UnknownProviderError,
)
from unilead.exchange import (
    Result as Result,
)
from unilead.fields import (
    Field as Field,
)
from unilead.fields import (
    Part as Part,
)
from unilead.hooks import (
    hookimpl as hookimpl,
)
from unilead.in_flight import (
    AsyncCreating as AsyncCreating,
)
from unilead.in_flight import (
    Creating as Creating,
)
from unilead.info import (
    BasicAuth as BasicAuth,
)
from unilead.info import (
    HeaderAuth as HeaderAuth,
)
from unilead.info import (
    OAuth2 as OAuth2,
)
from unilead.info import (
    ProviderInfo as ProviderInfo,
)
from unilead.info import (
    RateLimit as RateLimit,
)
from unilead.info import (
    VendorRule as VendorRule,
)
from unilead.installed import (
    Plugin as Plugin,
)
from unilead.mapping import (
    FieldMap as FieldMap,
)
from unilead.merging import (
    thaw as thaw,
)
from unilead.message import (
    Request as Request,
)
from unilead.message import (
    Response as Response,
)
from unilead.message import (
    path_segment as path_segment,
)
from unilead.oauth import (
    Grant as Grant,
)
from unilead.pace import (
    Pacer as Pacer,
)
from unilead.pace import (
    RatePacer as RatePacer,
)
from unilead.provider import (
    Provider as Provider,
)
from unilead.quota import (
    QuotaHeaders as QuotaHeaders,
)
from unilead.registry import (
    Registry as Registry,
)
from unilead.schema import (
    AccountReference as AccountReference,
)
from unilead.schema import (
    CreatedLead as CreatedLead,
)
from unilead.schema import (
    EmailAddress as EmailAddress,
)
from unilead.schema import (
    Lead as Lead,
)
from unilead.schema import (
    PhoneNumber as PhoneNumber,
)
from unilead.schema import (
    PostalAddress as PostalAddress,
)
from unilead.schema import (
    Reference as Reference,
)
from unilead.schema import (
    Url as Url,
)
from unilead.settings import (
    OAuthSettings as OAuthSettings,
)
from unilead.settings import (
    Settings as Settings,
)
from unilead.simulator import (
    Call as Call,
)
from unilead.simulator import (
    Faults as Faults,
)
from unilead.simulator import (
    Simulator as Simulator,
)
from unilead.simulator import (
    route as route,
)
from unilead.simulator import (
    wrong_types as wrong_types,
)
from unilead.slots import (
    AddressSlots as AddressSlots,
)
from unilead.slots import (
    EmailSlots as EmailSlots,
)
from unilead.slots import (
    PhoneSlots as PhoneSlots,
)
from unilead.slots import (
    first as first,
)
from unilead.slots import (
    is_primary as is_primary,
)
from unilead.slots import (
    phone_text as phone_text,
)
from unilead.status_errors import (
    error_for as error_for,
)
from unilead.values import (
    parse_timestamp as parse_timestamp,
)
from unilead.values import (
    utc_text as utc_text,
)

__version__: str
__all__: list[str]
