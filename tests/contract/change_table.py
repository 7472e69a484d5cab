"""The table of docs/reference/change-effects.md; `python -m tests.contract.change_table` writes it anew."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.contract.changes import ROWS, Row
from tests.contract.cloudformation import Change, Effect, Templates, effects
from tests.contract.versions import deployed_first, versions

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "change-effects.md"
_BEGIN, _END = "<!-- begin of the table -->", "<!-- end of the table -->"
_HEADER = ("| change | hosts of the mirror | volumes | everything else | approval |", "|---|---|---|---|---|")
_INSTANCE, _VOLUME, _EXPORT = "AWS::EC2::Instance", "AWS::EC2::Volume", "export in use"
# More types than this are counted and not listed.
_LISTED = 4


def line(row: Row, before: Templates, after: Templates) -> str:
    """The line of a change, from the templates before and after it."""
    asking = deployed_first(before).deploy(after).refused
    old = [change for change in effects(before, after) if change.stack in before]
    return (
        f"| {row.title} | {_hosts(old)} | {_volumes(old)} | {_rest(old, before, after)} "
        f"| {', '.join(sorted(_member(stack) for stack in asking)) or '-'} |"
    )


def read() -> list[str]:
    """The lines the page has."""
    return _table(PAGE.read_text()).splitlines()[len(_HEADER) :]


def _table(page: str) -> str:
    return page.partition(f"{_BEGIN}\n")[2].partition(f"\n{_END}")[0]


def _member(stack: str) -> str:
    name = stack.rpartition("-")[2]
    return f"DR {name}" if "-dr-" in stack else name


def _hosts(changes: Iterable[Change]) -> str:
    by_effect: dict[tuple[Effect, tuple[str, ...]], list[str]] = {}
    for change in changes:
        if change.type == _INSTANCE:
            why = change.why if change.effect in (Effect.RESTARTED, Effect.REPLACED) else ()
            by_effect.setdefault((change.effect, why), []).append(_member(change.stack))
    return "; ".join(_host(members, effect, why) for (effect, why), members in sorted(by_effect.items())) or "-"


def _host(members: list[str], effect: Effect, why: tuple[str, ...]) -> str:
    because = f" ({', '.join(why)})" if why else ""
    return f"{', '.join(sorted(members))} {_loud(effect)}{because}"


def _volumes(changes: Iterable[Change]) -> str:
    counted = Counter(
        (change.effect, change.why if change.effect is Effect.REFUSED else ()) for change in changes if change.type == _VOLUME
    )
    return (
        "; ".join(
            f"{number} {_loud(effect)}" + (f" ({', '.join(why)})" if why else "")
            for (effect, why), number in sorted(counted.items())
        )
        or "-"
    )


def _rest(changes: list[Change], before: Templates, after: Templates) -> str:
    parts = []
    if new := len(after.keys() - before.keys()):
        parts.append(f"{new} new stacks")
    if left := len(before.keys() - after.keys()):
        parts.append(f"{left} stacks are left as they are")
    if exports := sorted({change.stack for change in changes if change.type == _EXPORT}):
        parts.append(f"**refused**: stacks use values of {', '.join(exports)}")
    rest = [change for change in changes if change.type not in (_INSTANCE, _VOLUME, _EXPORT)]
    for effect in (Effect.REPLACED, Effect.DELETED, Effect.RETAINED, Effect.NEW, Effect.UPDATED):
        if types := Counter(change.type.removeprefix("AWS::") for change in rest if change.effect is effect):
            listed = ", ".join(f"{number} {kind}" for kind, number in sorted(types.items()))
            counted = f"{types.total()} resources"
            parts.append(f"{effect}: {listed if len(types) <= _LISTED else counted}")
    return "; ".join(parts) or "-"


def _loud(effect: Effect) -> str:
    return str(effect) if effect in (Effect.UPDATED, Effect.NEW) else f"**{effect}**"


def main() -> None:
    """Write the table into its page."""
    lines = [line(row, *versions(row)) for row in ROWS]
    page = PAGE.read_text()
    PAGE.write_text(page.replace(_table(page), "\n".join((*_HEADER, *lines))))


if __name__ == "__main__":
    main()
