"""The [Actions] of a merge file: reading them, and performing them in the documented order."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .files import words
from .installation import IrisError

if TYPE_CHECKING:
    from .server import Server

#: CPF, "[Actions]", last page: the order in which actions are processed, whatever their order in the file. In particular
#: ConfigMirror comes before resources, databases and namespaces, all of those before ModifyService, and Execute is last.
#: Those that the fake can't do aren't in it; it refuses them.
ORDER = words(
    "CreateSSLConfig ModifySSLConfig ModifySystem DeleteSSLConfig ModifyMonitor ModifyJournal ModifyConfig ModifyECP "
    "DeleteMapGlobal DeleteMapRoutine DeleteNamespace DeleteDatabase DeleteECPServer DeleteResource CreateECPServer "
    "ModifyECPServer ConfigMirror CreateResource CreateDatabase ModifyDatabase CreateNamespace ModifyNamespace "
    "CreateMapPackage CreateMapGlobal CreateMapRoutine ModifyMapPackage ModifyMapGlobal ModifyMapRoutine ModifyMirrorMember "
    "ModifyStartup ModifyService DeleteUser DeleteApplication DeleteRole DeleteServer CreateServer CreateRole CreateUser "
    "CreateApplication ModifyResource ModifyRole ModifyServer ModifyUser ModifyApplication Execute"
)

_ITEM = re.compile(r'\s*([A-Za-z0-9_.]+)\s*=\s*("(?:[^"]|"")*"|[^",]*)\s*(?:,|$)')


@dataclass(frozen=True)
class Action:
    """One action.

    Attributes:
        number: Its line in the merge file.
    """

    number: int
    name: str
    properties: dict[str, str]

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.properties.items() if key.lower() == name.lower()), default)

    def need(self, *names: str) -> list[str]:
        """Properties that the action's page calls required.

        Raises:
            IrisError: If one is missing.
        """
        for name in names:
            if not self.get(name):
                raise IrisError(f"line {self.number}: {self.name} needs {name}")
        return [self.get(name) for name in names]

    def but(self, *names: str) -> dict[str, str]:
        """The properties without some."""
        leave = {name.lower() for name in names}
        return {key: value for key, value in self.properties.items() if key.lower() not in leave}


def parse(number: int, line: str) -> Action:
    """Reads `Name:Property=Value,Property="Value, with = or ,"`.

    Raises:
        IrisError: If it isn't of that form, or no action of this name is documented. Values with "=" or "," have to be quoted
            (Merge 9.3.1).
    """
    name, colon, rest = line.partition(":")
    if not colon or name not in ORDER:
        raise IrisError(f"line {number}: unknown action {name!r}")
    properties: dict[str, str] = {}
    position = 0
    while position < len(rest):
        found = _ITEM.match(rest, position)
        if not found or ("=" in found[2] and not found[2].startswith('"')):
            raise IrisError(f"line {number}: {rest[position:]!r} is not name=value")
        value = found[2]
        properties[found[1]] = value[1:-1].replace('""', '"') if value.startswith('"') else value.strip()
        position = found.end()
    return Action(number, name, properties)


Performer = Callable[["Server", Action], Awaitable[None]]


async def perform(server: "Server", lines: list[tuple[int, str]]) -> None:
    """Performs actions.

    Raises:
        IrisError: At the first that fails, with its line. What was done before it stays done.
    """
    from .performers import PERFORMERS

    actions = [parse(number, line) for number, line in lines]
    for action in sorted(actions, key=lambda action: ORDER.index(action.name)):
        try:
            await PERFORMERS[action.name](server, action)
        except IrisError as error:
            text = str(error)
            raise IrisError(text if text.startswith("line ") else f"line {action.number}: {action.name}: {text}") from error
