"""The values of expressions."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .expressions import Tree
from .functions import FUNCTIONS, SPECIALS
from .values import ScriptError, canonical, number, text, truth

Variables = dict[str, dict[tuple[str, ...], Any]]


class Evaluation:
    """Variables, and the values of expressions with them.

    Args:
        system: What code asks of the instance: class methods, globals, routines.
        namespace: The current namespace.
    """

    def __init__(self, system: Any, namespace: str) -> None:
        self.system = system
        self.namespace = namespace
        self.variables: Variables = {}
        self.test = False

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

    def _value_text(self, line: Tree, routine: str) -> str:
        lines, place = self.system.source(routine), int(number(self.value(line)))
        return str(lines[place - 1]) if 0 < place <= len(lines) else ""

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
