"""Joins the interpreter with the instance: for sessions, and for the Execute actions of a merge file."""

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..files import Settings
from ..installation import Installation, IrisError
from . import library
from .expressions import Tree
from .interpreter import Interpreter, Leave
from .parser import Parser
from .values import ScriptError, from_json, text, to_json

if TYPE_CHECKING:
    import subprocess

    from ..server import Server
    from .evaluation import Variables

Ask = Callable[[dict[str, Any]], dict[str, Any]]
#: Classes that are only there in %SYS ("This class can only be used by programs running in %SYS").
_ONLY_IN_SYS = ("SYS.", "Security.", "Config.", "Backup.")


class System:
    """What code can ask of the instance.

    Args:
        installation: The instance.
        ask: Asks it.
        user: $USERNAME.

    Attributes:
        process: $JOB, of a process of the instance. Empty: that of the operating system.
        children: Programs that it runs.
    """

    process = ""

    def __init__(self, installation: Installation, ask: Ask, user: str) -> None:
        self.installation = installation
        self.user = user
        self.scale = Settings().scale
        self.children: set[subprocess.Popen[bytes]] = set()
        self._ask = ask
        self._routine = ""

    def request(self, **request: Any) -> dict[str, Any]:
        answer = self._ask(request)
        if "error" in answer:
            raise ScriptError(answer["error"])
        return answer

    def globals(self, *, op: str, **request: Any) -> dict[str, Any]:
        return self.request(op="globals", do=op, **request)

    def namespace(self, name: str) -> str:
        """Changes to a namespace."""
        from ..cpf import Document

        known = Document(self.installation.cpf.read_text()).entries("Namespaces")
        found = next((one for one in known if one.upper() == name.upper()), None)
        if found is None:
            raise ScriptError(f"<NAMESPACE> {name}")
        return found

    def exception(self, message: str) -> library.SystemException:
        return library.SystemException(message)

    def query(self, name: str, arguments: list[Any]) -> tuple[list[str], list[list[Any]]]:
        answer = self.request(op="query", name=name, arguments=[text(one) for one in arguments])
        return answer["columns"], [[from_json(item) for item in row] for row in answer["rows"]]

    def class_method(self, run: Interpreter, name: str, method: str, arguments: list[Tree]) -> Any:
        """Calls a class method: of this process, of a class that was loaded, or of the instance."""
        known = library.METHODS.get((name.lower(), method.lower()))
        if known:
            return known(self, *(self._plain(run, one) for one in arguments))
        if name.startswith(_ONLY_IN_SYS) and run.namespace != "%SYS":
            raise ScriptError(f"<CLASS DOES NOT EXIST> *{name}")
        code = self.globals(op="code", kind="classes", name=name)["code"]
        if code:
            return self._run_code(run, _method(code, method), arguments)
        sent = [
            {"reference": self._nodes(run, one[1])} if one[0] == "reference" else to_json(run.value(one)) for one in arguments
        ]
        answer = self.request(op="call", **{"class": name, "method": method, "arguments": sent})
        for place, nodes in answer["references"].items():
            run.variables[arguments[int(place)][1]] = {tuple(keys): from_json(value) for keys, value in nodes}
        return from_json(answer["value"])

    def _plain(self, run: Interpreter, argument: Tree) -> Any:
        if argument[0] == "reference":
            return run.variables.get(argument[1], {}).get((), "")
        return run.value(argument)

    def _nodes(self, run: Interpreter, name: str) -> list[Any]:
        return [[list(keys), to_json(value)] for keys, value in run.variables.get(name, {}).items()]

    def routine(self, run: Interpreter, label: str, routine: str, arguments: list[Tree]) -> Any:
        """Calls a label of a routine; without a name, of the routine that runs."""
        before = self._routine
        name = routine or before
        code = self.globals(op="code", kind="routines", name=name)["code"] if name else None
        if not code:
            raise ScriptError(f"<NOROUTINE> *{routine}" if routine else f"<NOLINE> {label}")
        self._routine = name
        try:
            return self._run_code(run, _label(code, label), arguments)
        finally:
            self._routine = before

    def start_job(self, run: Interpreter, label: str, routine: str, arguments: list[Tree]) -> bool:
        """JOB of a label of a routine; without a name, of the routine that runs. Whether it has started."""
        values = [to_json(run.value(argument)) for argument in arguments]
        where = {"namespace": run.namespace, "label": label, "routine": routine or self._routine}
        return bool(self.request(op="job", arguments=values, **where)["process"])

    def source(self, routine: str) -> list[str]:
        """The lines of a routine, $TEXT(+1^routine) first; empty if there is none."""
        code = self.globals(op="code", kind="routines", name=routine)["code"]
        return code.splitlines() if code else []

    def _run_code(self, run: Interpreter, found: tuple[list[str], str], arguments: list[Tree]) -> Any:
        formal, body = found
        variables: Variables = {}
        for name, argument in zip(formal, arguments, strict=False):
            if argument[0] == "reference":
                variables[name] = run.variables.setdefault(argument[1], {})
            elif argument[0] != "missing":
                variables[name] = {(): run.value(argument)}
        return run.call(Parser(body).commands(), variables)


def _names(formal: str) -> list[str]:
    return [
        part.split("=")[0].replace("ByRef", "").replace("Output", "").split(" As ")[0].strip()
        for part in formal.split(",")
        if part
    ]


def _method(code: str, name: str) -> tuple[list[str], str]:
    """Formal arguments and body of a class method in UDL."""
    found = re.search(rf"^ClassMethod\s+{re.escape(name)}\(([^)]*)\)[^{{]*\{{\n(.*?)^\}}", code, re.MULTILINE | re.DOTALL)
    if not found:
        raise ScriptError(f"<METHOD DOES NOT EXIST> *{name}")
    return _names(found[1]), found[2]


def _label(code: str, label: str) -> tuple[list[str], str]:
    """Formal arguments and body of a label: to the next label, or if it has a block to the end of that."""
    pattern = rf"^{re.escape(label)}(?:\(([^)]*)\))?" if label else r"^(?=\s)()"
    found = re.search(pattern + r"[ \t]*(?:public|private)?[ \t]*(\{)?", code, re.MULTILINE | re.IGNORECASE)
    if not found:
        raise ScriptError(f"<NOLINE> {label}")
    rest = code[found.end() :]
    # Without a block, code may stand on the label's own line.
    following = re.search(r"^\}" if found[2] else r"(?<=\n)%?[A-Za-z]", rest, re.MULTILINE)
    return _names(found[1] or ""), rest[: following.start()] if following else rest


async def execute(server: "Server", namespace: str, target: tuple[str, str], arguments: list[str]) -> None:
    """An Execute action.

    Raises:
        IrisError: If it fails, or doesn't return a %Status.
    """
    from ..control import answer

    loop = asyncio.get_running_loop()

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        return asyncio.run_coroutine_threadsafe(answer(server, request), loop).result()

    def work() -> Any:
        run = Interpreter(System(server.installation, ask, "%System"), namespace)
        trees: list[Tree] = [("value", argument) for argument in arguments]
        if target[0]:
            return run.value(("class", target[0], target[1], trees))
        label, _, routine = target[1].removeprefix("$$").partition("^")
        return run.value(("routine", label, routine, trees, True))

    try:
        result = text(await asyncio.to_thread(work))
    except (ScriptError, Leave) as error:
        raise IrisError(f"Execute of {target}: {error}") from error
    if not result.startswith("1"):
        raise IrisError(f"Execute of {target} returned {result or 'nothing, not a %Status'}")


def script(installation: Installation, ask: Ask, user: str, namespace: str) -> Interpreter:
    """An interpreter for a session."""
    return Interpreter(System(installation, ask, user), namespace)
