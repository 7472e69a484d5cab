"""Does what the trees say."""

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .functions import FUNCTIONS, SPECIALS
from .parser import Parser, Tree
from .values import ScriptError, canonical, number, text, truth


class Leave(Exception):  # noqa: N818 - no error: what QUIT, RETURN, CONTINUE and HALT do
    """Leaves a loop, a method, or the session."""

    def __init__(self, what: str, value: Any = "") -> None:
        super().__init__(what)
        self.what = what
        self.value = value


class Thrown(ScriptError):
    """THROW of an object."""

    def __init__(self, thrown: Any) -> None:
        super().__init__(text(thrown))
        self.thrown = thrown


Variables = dict[str, dict[tuple[str, ...], Any]]


class Interpreter:
    """Runs code.

    Args:
        system: What code asks of the instance: class methods, globals, routines.
        namespace: The current namespace.
    """

    def __init__(self, system: Any, namespace: str) -> None:
        self.system = system
        self.namespace = namespace
        self.variables: Variables = {}
        self.test = False
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
        raise ScriptError("<NOJOB> the fake starts no jobs")

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

    # Values

    def keys(self, subscripts: list[Tree]) -> tuple[str, ...]:
        return tuple(text(self.value(subscript)) for subscript in subscripts)

    def assign(self, target: Tree, value: Any) -> None:
        """Gives a variable, a global, a property, or $NAMESPACE a value."""
        kind = target[0]
        if kind == "local":
            self.variables.setdefault(target[1], {})[self.keys(target[2])] = value
        elif kind == "global":
            self.system.globals(op="set", name=target[1], keys=list(self.keys(target[2])), value=text(value))
        elif kind == "property":
            setattr(self.value(target[1]), target[2].replace("%", "_"), value)
        elif kind == "special" and target[1] in ("namespace", "znspace"):
            self.namespace = self.system.namespace(text(value))
        elif kind == "function" and target[1] in ("list", "li", "piece", "p"):
            raise ScriptError("<FUNCTION> the fake sets no parts of strings and lists")
        else:
            raise ScriptError("<SYNTAX> that can't be set")

    def value(self, tree: Tree) -> Any:
        """The value of an expression."""
        return getattr(self, "_value_" + tree[0])(*tree[1:])

    def _value_value(self, value: str) -> str:
        return value

    def _value_number(self, value: str) -> str:
        return canonical(number(value))

    def _value_missing(self) -> str:
        return ""

    def _value_local(self, name: str, subscripts: list[Tree]) -> Any:
        keys = self.keys(subscripts)
        try:
            return self.variables[name][keys]
        except KeyError:
            raise ScriptError(f"<UNDEFINED> *{name}") from None

    def _value_global(self, name: str, subscripts: list[Tree]) -> Any:
        answer = self.system.globals(op="get", name=name, keys=list(self.keys(subscripts)))
        if answer.get("value") is None:
            raise ScriptError(f"<UNDEFINED> ^{name}")
        return answer["value"]

    def _value_unary(self, sign: str, operand: Tree) -> str:
        value = self.value(operand)
        if sign == "'":
            return "0" if truth(value) else "1"
        return canonical(-number(value) if sign == "-" else number(value))

    def _value_binary(self, operator: str, left: Tree, right: Tree) -> Any:
        if operator in ("&&", "||"):
            first = truth(self.value(left))
            return text(truth(self.value(right)) if first == (operator == "&&") else first)
        one, two = self.value(left), self.value(right)
        if operator.startswith("'"):
            return "0" if truth(_OPERATIONS[operator[1:]](one, two)) else "1"
        return _OPERATIONS[operator](one, two)

    def _value_special(self, name: str) -> Any:
        if name in ("namespace", "znspace"):
            return self.namespace
        if name in ("t", "test"):
            return text(self.test)
        if name not in SPECIALS:
            raise ScriptError(f"<SYNTAX> the fake knows no ${name}")
        return SPECIALS[name](self)

    def _value_function(self, name: str, arguments: list[Any]) -> Any:
        if name not in FUNCTIONS:
            raise ScriptError(f"<FUNCTION> the fake knows no ${name}()")
        return FUNCTIONS[name](self, arguments)

    def _value_macro(self, name: str, arguments: list[Tree]) -> Any:
        values = [self.value(argument) for argument in arguments]
        if name == "OK":
            return "1"
        if name in ("ISOK", "ISERR"):
            return text(truth(values[0]) == (name == "ISOK"))
        raise ScriptError(f"<SYNTAX> the fake knows no $$${name}")

    def _value_class(self, name: str, method: str, arguments: list[Tree]) -> Any:
        return self.system.class_method(self, name, method, arguments)

    def _value_routine(self, label: str, routine: str, arguments: list[Tree], _wants_value: bool) -> Any:
        return self.system.routine(self, label, routine, arguments)

    def _value_method(self, target: Tree, name: str, arguments: list[Tree]) -> Any:
        owner = self.value(target)
        method = getattr(owner, name.replace("%", "_"), None)
        if method is None:
            raise ScriptError(f"<METHOD DOES NOT EXIST> *{name},{type(owner).__name__}")
        return method(*(self.value(argument) for argument in arguments))

    def _value_property(self, target: Tree, name: str) -> Any:
        owner = self.value(target)
        try:
            return getattr(owner, name.replace("%", "_"))
        except AttributeError:
            raise ScriptError(f"<PROPERTY DOES NOT EXIST> *{name},{type(owner).__name__}") from None


def _numeric(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], str]:
    return lambda one, two: canonical(operation(number(one), number(two)))


def _check(operation: Callable[[Any, Any], bool]) -> Callable[[Any, Any], str]:
    return lambda one, two: "1" if operation(one, two) else "0"


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _numeric(lambda one, two: one + two),
    "-": _numeric(lambda one, two: one - two),
    "*": _numeric(lambda one, two: one * two),
    "/": _numeric(lambda one, two: one / two),
    "\\": _numeric(lambda one, two: one // two),
    "#": _numeric(lambda one, two: one % two),
    "**": _numeric(lambda one, two: one**two),
    "_": lambda one, two: text(one) + text(two),
    "=": _check(lambda one, two: one is two or text(one) == text(two)),
    "<": _check(lambda one, two: number(one) < number(two)),
    ">": _check(lambda one, two: number(one) > number(two)),
    "<=": _check(lambda one, two: number(one) <= number(two)),
    ">=": _check(lambda one, two: number(one) >= number(two)),
    "&": _check(lambda one, two: truth(one) and truth(two)),
    "!": _check(lambda one, two: truth(one) or truth(two)),
    "[": _check(lambda one, two: text(two) in text(one)),
    "]": _check(lambda one, two: text(one) > text(two)),
}
