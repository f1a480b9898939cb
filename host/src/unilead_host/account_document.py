"""What the API and the command line say about an account: the fields that existing clients expect, then our own."""

from __future__ import annotations

from typing import Any

from unilead_host.stored import StoredAccount, timestamp


def account_document(stored: StoredAccount) -> dict[str, Any]:
    """An account as JSON; credentials are never in it."""
    return {
        "id": stored.id,
        "tenant_id": stored.tenant_id,
        "environment_id": None,
        "environment_integration_id": None,
        "status": stored.status,
        "is_sandbox": stored.is_sandbox,
        "authentication_method": stored.authentication_method,
        "region": None,
        "context": stored.context,
        "last_error": stored.last_error,
        "last_action_result": None,
        "last_forbidden_error": stored.last_forbidden_error,
        "unified_model_override": None,
        "integration_override": None,
        "integration": {"id": stored.provider, "name": stored.provider, "category": "crm"},
        "created_at": timestamp(stored.created_at),
        "updated_at": timestamp(stored.updated_at),
        "label": stored.label,
        "is_blocked": stored.is_blocked,
        "is_simulated": stored.is_simulated,
        "read_back": stored.read_back,
    }
