"""Does what the trees say."""

import sys
import time
from decimal import Decimal
from typing import Any

from .evaluation import Evaluation, Variables
from .expressions import Tree
from .parser import Parser
from .values import ScriptError, canonical, number, text, truth


class Leave(Exception):  # noqa: N818 - no error: what QUIT, RETURN, CONTINUE and HALT do
    """Leaves a loop, a method, or the session."""

    def __init__(self, what: str, value: Any = "") -> None:
        super().__init__(what)
        self.what = what
        self.value = value


class Thrown(ScriptError):  # noqa: N818 - what was thrown need not be an error
    """THROW of an object."""

    def __init__(self, thrown: Any) -> None:
        super().__init__(text(thrown))
        self.thrown = thrown


class Interpreter(Evaluation):
    """Runs code. See Evaluation for its arguments."""

    def __init__(self, system: Any, namespace: str) -> None:
        super().__init__(system, namespace)
        self._column = 0

    # Running

    def line(self, source: str) -> None:
        """Runs a line as the terminal does."""
        self.run(Parser(source).commands())

    def run(self, trees: list[Tree]) -> None:
        """Runs commands."""
        for tree in trees:
            getattr(self, "_" + tree[0].replace(" ", "_"))(*tree[1:])

    def call(self, trees: list[Tree], variables: Variables) -> Any:
        """Runs a routine's label or a method with variables of its own; returns its value."""
        before, self.variables = self.variables, variables
        try:
            self.run(trees)
        except Leave as leaving:
            if leaving.what not in ("quit", "return"):
                raise
            return leaving.value
        finally:
            self.variables = before
        return ""

    def write(self, shown: str) -> None:
        sys.stdout.write(shown)
        self._column = len(shown) if "\n" not in shown else len(shown) - shown.rindex("\n") - 1

    # Commands

    def _holds(self, condition: Tree | None) -> bool:
        return condition is None or truth(self.value(condition))

    def _set(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            for targets, value in arguments:
                result = self.value(value)
                for target in targets:
                    self.assign(target, result)

    def _write(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            for argument in arguments:
                if argument[0] == "newline":
                    self.write("\n")
                elif argument[0] == "column":
                    self.write(" " * max(0, int(number(self.value(argument[1]))) - self._column))
                elif argument[0] != "nothing":
                    self.write(text(self.value(argument)))

    def _zwrite(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            for _, name, _keys in arguments or [("local", name, []) for name in self.variables]:
                for keys, value in sorted(self.variables.get(name, {}).items()):
                    subscripts = "(" + ",".join(f'"{key}"' for key in keys) + ")" if keys else ""
                    self.write(f'{name}{subscripts}="{text(value)}"\n')

    def _do(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            for target, only_if in arguments:
                if self._holds(only_if):
                    self.value(target)

    def _job(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            for target, timeout in arguments:
                if target[0] != "routine":
                    raise ScriptError("<NOJOB> the fake jobs labels of routines only")
                started = self.system.start_job(self, target[1], target[2], target[3])
                # $TEST says whether it was started in time, if there was a time.
                self.test = self.test if timeout is None else started

    def _quit(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            raise Leave("quit", self.value(arguments[0]) if arguments else "")

    def _return(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            raise Leave("return", self.value(arguments[0]) if arguments else "")

    def _continue(self, condition: Tree | None, _arguments: list[Any]) -> None:
        if self._holds(condition):
            raise Leave("continue")

    def _halt(self, condition: Tree | None, _arguments: list[Any]) -> None:
        if self._holds(condition):
            raise Leave("halt", 0)

    def _hang(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            sys.stdout.flush()
            time.sleep(float(number(self.value(arguments[0]))) * self.system.scale)

    def _throw(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            raise Thrown(self.value(arguments[0]))

    def _kill(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            for kind, name, subscripts in arguments:
                keys = self.keys(subscripts)
                if kind == "global":
                    self.system.globals(op="kill", name=name, keys=list(keys))
                else:
                    known = self.variables.get(name, {})
                    self.variables[name] = {key: value for key, value in known.items() if key[: len(keys)] != keys}
            if not arguments:
                self.variables.clear()

    def _new(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            for _, name, *_rest in arguments:
                self.variables[name] = {}

    def _znspace(self, condition: Tree | None, arguments: list[Any]) -> None:
        if self._holds(condition):
            self.namespace = self.system.namespace(text(self.value(arguments[0])))

    def _if(self, condition: Tree | None, heads: list[Tree], body: list[Tree]) -> None:
        self.test = self._holds(condition) and all(truth(self.value(head)) for head in heads)
        if self.test:
            self.run(body)
            self.test = True

    def _elseif(self, condition: Tree | None, heads: list[Tree], body: list[Tree]) -> None:
        if not self.test:
            self._if(condition, heads, body)

    def _else(self, body: list[Tree]) -> None:
        if not self.test:
            self.run(body)

    def _block(self, body: list[Tree]) -> None:
        self.run(body)

    def _loop(self, body: list[Tree]) -> bool:
        """One round; returns whether there may be another."""
        try:
            self.run(body)
        except Leave as leaving:
            if leaving.what == "quit":
                return False
            if leaving.what != "continue":
                raise
        return True

    def _for(self, _condition: Tree | None, heads: list[Tree], body: list[Tree]) -> None:
        if not heads:
            while self._loop(body):
                pass
        for variable, *parts in heads:
            values = [number(self.value(part)) if len(parts) > 1 else self.value(part) for part in parts]
            current: Any = values[0]
            while True:
                if len(values) > 2 and ((values[1] > 0 and current > values[2]) or (values[1] < 0 and current < values[2])):
                    break
                self.assign(variable, canonical(current) if isinstance(current, Decimal) else current)
                if not self._loop(body):
                    return
                if len(values) == 1:
                    break
                current = number(self.value(variable)) + values[1]

    def _while(self, _condition: Tree | None, heads: list[Tree], body: list[Tree]) -> None:
        while all(truth(self.value(head)) for head in heads) and self._loop(body):
            pass

    def _do_while(self, body: list[Tree], condition: Tree) -> None:
        while self._loop(body) and truth(self.value(condition)):
            pass

    def _try(self, body: list[Tree], variable: str, handler: list[Tree]) -> None:
        try:
            self.run(body)
        except ScriptError as error:
            if variable:
                caught = error.thrown if isinstance(error, Thrown) else self.system.exception(str(error))
                self.assign(("local", variable, []), caught)
            self.run(handler)
