"""The promotion's core, whole or with a condition taken out of its source."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from region_promotion import core


@dataclass(frozen=True)
class PromotionCore:
    """The two functions of `region_promotion.core`, and the rule of whoever writes.

    Args:
        next_step: What may be done now.
        apply: What an event makes of the records.
        conditional: Whether what was made of old records isn't written.
    """

    next_step: Any
    apply: Any
    conditional: bool = True


PRODUCTION = PromotionCore(core.next_step, core.apply)


def without(*changes: tuple[str, str]) -> PromotionCore:
    """The core with pieces of its source replaced, each of which stands there once."""
    source = Path(str(core.__file__)).read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"core.py has {source.count(old)} times: {old}"
        source = source.replace(old, new)
    name = f"{core.__package__}.core_without"
    mutant = ModuleType(name)
    mutant.__package__ = core.__package__
    sys.modules[name] = mutant  # `dataclasses` looks there.
    exec(compile(source, "core.py, changed", "exec"), mutant.__dict__)
    return PromotionCore(mutant.next_step, mutant.apply)
