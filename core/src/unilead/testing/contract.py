"""ProviderContract: the promises that every provider keeps, one test for each, numbered as in ``docs/hooks.md``."""

from __future__ import annotations

from unilead.testing.answer_promises import AnswerPromises
from unilead.testing.request_promises import RequestPromises
from unilead.testing.sending_promises import SendingPromises


class ProviderContract(RequestPromises, AnswerPromises, SendingPromises):
    """Inherit, and name the slug and the folder of golden cases; the attributes are those of `ProviderStage`."""
