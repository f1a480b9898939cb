"""Creates a lead on a simulator of its own, made for this one call: nothing leaves the host and nothing stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unilead import Account, AsyncClient, Lead, LeadError, Provider, Registry
from unilead.simulator import Faults
from unilead_host.page.outcome import Outcome, created, failed

TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a simulator does with the lead.

    Attributes:
        value: as forms write it.
        text: for people.
        faults: what goes wrong on purpose.
    """

    value: str
    text: str
    faults: dict[str, Any]


BEHAVIOURS = (
    Behaviour("simulator", "Simulator", {}),
    Behaviour("simulator-busy", "Simulator, too busy", {"throttle": 1_000}),
    Behaviour("simulator-silent", "Simulator, answer gets lost", {"drop_after_commit": 1_000}),
    Behaviour("simulator-down", "Simulator, out of reach", {"refuse": 1_000}),
)
_BY_VALUE = {behaviour.value: behaviour for behaviour in BEHAVIOURS}


def is_simulator(target: str) -> bool:
    """Whether a form's target is a simulator rather than an account."""
    return target in _BY_VALUE


async def simulate(registry: Registry, provider: Provider, lead: Lead, target: str) -> Outcome:
    """Create a lead on a fresh simulator that behaves as the target says."""
    simulator = provider.simulator()
    simulator.faults = Faults(**_BY_VALUE[target].faults)
    account = Account(provider.slug, simulator.sample_settings)
    title = f"the {provider.info.title} simulator"
    async with AsyncClient(registry=registry, transport=simulator, timeout=TIMEOUT, send_once=True) as client:
        try:
            result = await client.create(lead, account)
        except LeadError as error:
            return failed(provider.slug, title, error, notes=_truth(simulator.count))
    return created(provider.slug, title, result)


def _truth(count: int) -> list[tuple[str, str]]:
    """What only a simulator can tell: whether the lead is there after all."""
    return [("In truth", "the simulator stored the lead" if count else "the simulator stored nothing")]
