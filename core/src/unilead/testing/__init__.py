"""The provider contract suite: what every provider promises, as tests to inherit.

    from pathlib import Path

    from unilead.testing import ProviderContract, VendorRules

    class TestAcme(ProviderContract):
        slug = "acme"
        cases = Path(__file__).parent / "cases"

    class TestAcmeRules(VendorRules):
        slug = "acme"
        rules = Path(__file__).parent / "rules.json"

A store for credentials has its contract too: `CredentialStoreContract`.

A test that cannot apply to a CRM is overridden by name, with the reason in its docstring. This is the only package of
unilead that needs pytest and hypothesis (``pip install unilead[testing]``).
"""

from unilead.testing.contract import ProviderContract
from unilead.testing.leads import leads
from unilead.testing.rules import VendorRules
from unilead.testing.stores import CredentialStoreContract

__all__ = ["CredentialStoreContract", "ProviderContract", "VendorRules", "leads"]
