"""Reads expressions of ObjectScript into trees: tuples whose first item says what they are."""

import re
from typing import Any

from .values import ScriptError

Tree = tuple[Any, ...]

_OPERATORS = (
    "'<=", "'>=", "**", "&&", "||", "'=", "'<", "'>", "'[", "'&", "'!", "<=", ">=", "+", "-", "*", "/", "\\", "#", "_", "=",
    "<", ">", "&", "!", "[", "]",
)  # fmt: skip
NAME = re.compile(r"%?[A-Za-z][A-Za-z0-9]*")
_CLASS = re.compile(r"##class\(\s*(%?[A-Za-z][A-Za-z0-9.%]*)\s*\)\s*\.\s*(%?[A-Za-z0-9]+)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+\.?[0-9]*(?:E[+-]?[0-9]+)?|\.[0-9]+")


class Expressions:
    """Reads expressions in a text."""

    def __init__(self, source: str) -> None:
        self._text = source
        self._at = 0

    # Small steps

    def _peek(self, length: int = 1) -> str:
        return self._text[self._at : self._at + length]

    def _blanks(self, *, lines: bool = True) -> None:
        while self._at < len(self._text):
            if self._peek() in (" \t\r\n" if lines else " \t"):
                self._at += 1
            elif self._peek(2) == "//" or (self._peek() in ";" or self._peek(2) == "#;"):
                while self._at < len(self._text) and self._peek() != "\n":
                    self._at += 1
            else:
                return

    def _take(self, expected: str) -> bool:
        if self._text.startswith(expected, self._at):
            self._at += len(expected)
            return True
        return False

    def _need(self, expected: str) -> None:
        if not self._take(expected):
            self.fail(f"{expected!r} expected")

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if not found:
            self.fail("name expected")
        assert found
        self._at = found.end()
        return found[0]

    def fail(self, why: str) -> None:
        """Refuses the text.

        Raises:
            ScriptError: Always.
        """
        raise ScriptError(f"<SYNTAX> {why} at {self._text[max(0, self._at - 20) : self._at]}^{self._text[self._at :][:30]}")

    # Expressions: strictly from left to right

    def expression(self) -> Tree:
        """The whole text as one expression."""
        tree = self._expression()
        self._blanks()
        if self._at < len(self._text):
            self.fail("end expected")
        return tree

    def _expression(self, *, tight: bool = False) -> Tree:
        left = self._unary()
        while True:
            before = self._at
            if not tight:
                self._blanks(lines=False)
            operator = next((one for one in _OPERATORS if self._text.startswith(one, self._at)), None)
            if operator is None or (operator == "!" and self._text[before:][:1] in " \t" and self._peek(2) == "!,"):
                self._at = before
                return left
            self._at += len(operator)
            if not tight:
                self._blanks()
            left = ("binary", operator, left, self._unary())

    def _unary(self) -> Tree:
        for sign in "'-+":
            if self._take(sign):
                return ("unary", sign, self._unary())
        return self._postfix(self._primary())

    def _postfix(self, tree: Tree) -> Tree:
        while re.match(r"\.%?[A-Za-z]", self._peek(3)):
            self._at += 1
            name = self._match(NAME)
            tree = ("method", tree, name, self._list()) if self._take("(") else ("property", tree, name)
        return tree

    def _primary(self) -> Tree:
        if self._peek() == '"':
            return ("value", self._string())
        if number := _NUMBER.match(self._text, self._at):
            self._at = number.end()
            return ("number", number[0])
        if self._take("("):
            self._blanks()
            tree = self._expression()
            self._blanks()
            self._need(")")
            return tree
        if self._take("{"):
            self._need("}")
            return ("class", "%DynamicObject", "%New", [])
        return self._reference()

    def _reference(self) -> Tree:
        if self._peek(3) == "$$$":
            self._at += 3
            return ("macro", self._match(NAME), self._list() if self._take("(") else [])
        if self._peek(2) == "$$" or self._peek(2) == "##":
            return self._call()
        if self._take("$"):
            return self._dollar()
        if self._take("^"):
            name = self._match(NAME)
            return ("global", name, self._list() if self._take("(") else [])
        name = self._match(NAME)
        return ("local", name, self._list() if self._take("(") else [])

    def _string(self) -> str:
        found = re.compile(r'"((?:[^"]|"")*)"').match(self._text, self._at)
        if not found:
            self.fail("string not ended")
        assert found
        self._at = found.end()
        return found[1].replace('""', '"')

    def _dollar(self) -> Tree:
        name = self._match(NAME).lower()
        if name == "system" and self._take("."):
            parts = [self._match(NAME)]
            while self._take("."):
                parts.append(self._match(NAME))
            arguments = self._list() if self._take("(") else []
            return ("class", "%SYSTEM." + ".".join(parts[:-1]), parts[-1], arguments)
        if self._take("("):
            if name in ("t", "text"):
                return self._text_of()
            return ("function", name, self._pairs() if name in ("s", "select", "case") else self._list())
        return ("special", name)

    def _text_of(self) -> Tree:
        """The argument of $TEXT: `+line^routine`."""
        self._need("+")
        line = self._primary()
        self._need("^")
        routine = self._match(NAME)
        self._need(")")
        return ("text", line, routine)

    def _call(self) -> Tree:
        """Something that can be done: a class method, a label of a routine, or a method of an object."""
        if found := _CLASS.match(self._text, self._at):
            self._at = found.end()
            tree: Tree = ("class", found[1], found[2], self._list() if self._take("(") else [])
            return self._postfix(tree)
        value = self._take("$$")
        if not value and self._peek() == "$":
            return self._postfix(self._primary())
        label = self._match(NAME) if self._peek() != "^" else ""
        if label and self._peek() == "." and not value:
            return self._postfix(("local", label, []))
        routine = self._match(NAME) if self._take("^") else ""
        return ("routine", label, routine, self._list() if self._take("(") else [], value)

    def _list(self) -> list[Tree]:
        """Arguments up to the closing parenthesis; a missing one is ("missing",), one by reference ("reference", variable)."""
        found: list[Tree] = []
        while True:
            self._blanks()
            if self._take(")"):
                return found
            if self._peek() == ",":
                found.append(("missing",))
            elif self._peek() == "." and re.match(r"\.%?[A-Za-z]", self._peek(3)):
                self._at += 1
                found.append(("reference", self._match(NAME)))
            else:
                found.append(self._expression())
            self._blanks()
            if self._take(","):
                self._blanks()
                if self._peek() == ")":
                    found.append(("missing",))

    def _pairs(self) -> list[Tree]:
        """`condition:value` of $SELECT and $CASE."""
        found: list[Tree] = []
        while True:
            self._blanks()
            if self._take(")"):
                return found
            first: Tree = ("missing",) if self._peek() == ":" else self._expression()
            self._blanks()
            found.append((first, self._expression()) if self._take(":") else (first,))
            self._blanks()
            self._take(",")
