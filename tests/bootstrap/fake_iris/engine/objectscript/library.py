"""Classes that work in the process that uses them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .interpreter import Leave
from .values import ScriptError, number, text, truth


class SystemException:
    """%Exception.SystemException, as CATCH gets it."""

    def __init__(self, message: str) -> None:
        self.Name = message.partition(" ")[0]
        self.Location = ""
        self.Data = message.partition(" ")[2]
        self._message = message

    def DisplayString(self) -> str:  # noqa: N802 - its name
        return self._message

    def AsStatus(self) -> str:  # noqa: N802 - its name
        return f"0 {self._message}"

    def Log(self) -> str:  # noqa: N802 - its name
        return "1"


class _ResultSet:
    """%ResultSet of a class query, and the result of %SQL.Statement."""

    def __init__(self, system: Any, name: str) -> None:
        self._system = system
        self._name = name.replace("::", ":")
        self._columns: list[str] = []
        self._rows: list[list[Any]] = []
        self._row: list[Any] = []
        self._SQLCODE = "0"

    def Execute(self, *arguments: Any) -> str:  # noqa: N802 - its name
        self._columns, self._rows = self._system.query(self._name, list(arguments))
        return "1"

    def Next(self, *_: Any) -> str:  # noqa: N802 - its name
        if not self._rows:
            return "0"
        self._row = self._rows.pop(0)
        return "1"

    def Get(self, column: Any) -> Any:  # noqa: N802 - its name
        return self._cell(text(column))

    def Data(self, column: Any) -> Any:  # noqa: N802 - its name
        return self._cell(text(column))

    def GetColumnCount(self) -> str:  # noqa: N802 - its name
        return str(len(self._columns))

    def _cell(self, column: str) -> Any:
        if column not in self._columns:
            raise ScriptError(f"<PROPERTY DOES NOT EXIST> *{column}: the fake's query {self._name} has {self._columns}")
        return self._row[self._columns.index(column)]

    def _Next(self, *_: Any) -> str:  # noqa: N802 - its name, with _ for %
        return self.Next()

    def _Get(self, column: Any) -> Any:  # noqa: N802 - its name, with _ for %
        return self._cell(text(column))

    def _Close(self) -> str:  # noqa: N802 - its name, with _ for %
        return "1"

    def Close(self) -> str:  # noqa: N802 - its name
        return "1"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._cell(name)


class _Statement:
    """%SQL.Statement with a class query."""

    def __init__(self, system: Any) -> None:
        self._system = system
        self._name = ""

    def _PrepareClassQuery(self, name: Any, query: Any, *_: Any) -> str:  # noqa: N802 - its name, with _ for %
        self._name = f"{text(name)}:{text(query)}"
        return "1"

    def _Prepare(self, *_: Any) -> str:  # noqa: N802 - its name, with _ for %
        raise ScriptError("<METHOD DOES NOT EXIST> the fake knows class queries only, no SQL")

    def _Execute(self, *arguments: Any) -> _ResultSet:  # noqa: N802 - its name, with _ for %
        found = _ResultSet(self._system, self._name)
        found.Execute(*arguments)
        return found


class _FileStream:
    """%Stream.FileCharacter for reading."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.AtEnd = "1"

    def LinkToFile(self, name: Any) -> str:  # noqa: N802 - its name
        try:
            self._lines = Path(text(name)).read_text().splitlines()
        except OSError as error:
            return f"0 {text(name)}: {error.strerror}"
        self.AtEnd = str(int(not self._lines))
        return "1"

    def ReadLine(self, *_: Any) -> str:  # noqa: N802 - its name
        line = self._lines.pop(0) if self._lines else ""
        self.AtEnd = str(int(not self._lines))
        return line


class _Database:
    """SYS.Database, of which only the number is known here."""

    def __init__(self, system: Any, directory: str) -> None:
        asked = {"class": "SYS.Database", "method": "SFN", "arguments": [directory]}
        self.SFN = text(system.request(op="call", **asked)["value"])


def _error_text(_system: Any, status: Any, *_: Any) -> str:
    """ERROR #number: text. The number of most errors isn't looked up here: 5001 is a general one."""
    shown = text(status)
    return "" if truth(shown) else f"ERROR #5001: {shown.partition(' ')[2]}"


def _display_error(system: Any, status: Any, *_: Any) -> str:
    print(_error_text(system, status), end="")
    return "1"


def _terminate(_system: Any, _process: Any = "", status: Any = "0") -> None:
    """%SYSTEM.Process.Terminate(pid, exit status), of the own process."""
    raise Leave("halt", int(number(status)))


def _error(_system: Any, _code: Any, message: Any = "") -> str:
    return f"0 {text(message)}"


METHODS: dict[tuple[str, str], Callable[..., Any]] = {
    ("%system.status", "isok"): lambda _system, status: text(truth(status)),
    ("%system.status", "iserror"): lambda _system, status: text(not truth(status)),
    ("%system.status", "geterrortext"): _error_text,
    ("%system.status", "getoneerrortext"): _error_text,
    ("%system.status", "displayerror"): _display_error,
    ("%system.status", "ok"): lambda _system: "1",
    ("%system.status", "error"): _error,
    ("%system.process", "terminate"): _terminate,
    ("%system.util", "getenviron"): lambda _system, name: os.environ.get(text(name), ""),
    ("%system.inetinfo", "localhostname"): lambda _system: os.uname().nodename,
    ("%resultset", "%new"): lambda system, name="": _ResultSet(system, text(name)),
    ("%sql.statement", "%new"): lambda system, *_: _Statement(system),
    ("sys.database", "%openid"): lambda system, directory: _Database(system, text(directory)),
    ("%stream.filecharacter", "%new"): lambda _system: _FileStream(),
    ("%library.file", "exists"): lambda _system, name: text(Path(text(name)).exists()),
    ("%file", "exists"): lambda _system, name: text(Path(text(name)).exists()),
}
