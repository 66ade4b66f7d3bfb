"""lawful: code that obeys its equations.

    spec   = lawful.load("losses.dpo.DPO", root="spec")
    report = lawful.verify(spec, implementation=my_dpo)
    lawful.assert_lawful(my_dpo, "losses.dpo.DPO")

Everything here is imported when it is first used, so that generated code, which needs only
`lawful.runtime.ops`, does not load compiler and verifier.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .verifier.api import assert_lawful, evaluate, list_modules, load, verify

__all__ = ["assert_lawful", "evaluate", "list_modules", "load", "verify"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(".verifier.api", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
