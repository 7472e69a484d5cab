"""Reads ObjectScript into trees: tuples whose first item says what they are."""

import re
from typing import Any

from .values import ScriptError

Tree = tuple[Any, ...]

_COMMANDS = {
    "s": "set", "set": "set", "w": "write", "write": "write", "d": "do", "do": "do", "q": "quit", "quit": "quit", "return": "return",
    "ret": "return", "i": "if", "if": "if", "e": "else", "else": "else", "elseif": "elseif", "f": "for", "for": "for",
    "while": "while", "k": "kill", "kill": "kill", "n": "new", "new": "new", "h": "halt", "halt": "halt", "hang": "hang",
    "try": "try", "throw": "throw", "zn": "znspace", "znspace": "znspace", "zw": "zwrite", "zwrite": "zwrite", "continue": "continue",
    "j": "job", "job": "job",
}  # fmt: skip
_OPERATORS = (
    "'<=", "'>=", "**", "&&", "||", "'=", "'<", "'>", "'[", "'&", "'!", "<=", ">=", "+", "-", "*", "/", "\\", "#", "_", "=", "<", ">",
    "&", "!", "[", "]",
)  # fmt: skip
_NAME = re.compile(r"%?[A-Za-z][A-Za-z0-9]*")
_CLASS = re.compile(r"##class\(\s*(%?[A-Za-z][A-Za-z0-9.%]*)\s*\)\s*\.\s*(%?[A-Za-z0-9]+)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+\.?[0-9]*(?:E[+-]?[0-9]+)?|\.[0-9]+")


class Parser:
    """Reads one text."""

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

    # Commands

    def commands(self, end: str = "") -> list[Tree]:
        """Commands up to the end of the text, or to a closing brace."""
        found = []
        while True:
            self._blanks()
            if self._at >= len(self._text):
                if end:
                    self.fail("} expected")
                return found
            if end and self._take(end):
                return found
            # Labels of routines, and leading dots of old blocks, aren't expected here.
            found.append(self._command())

    def _block(self) -> list[Tree]:
        self._blanks()
        self._need("{")
        return self.commands("}")

    def _command(self) -> Tree:
        word = self._match(_NAME).lower()
        name = _COMMANDS.get(word)
        if name is None:
            self.fail(f"unknown command {word}")
        condition = self._expression(tight=True) if self._take(":") else None
        arguments = self._peek() in (" ", "\t") and self._peek(2)[1:2] not in (" ", "\t", "\n", "\r", "}", "{", "")
        if word == "h" and arguments:
            name = "hang"
        brace = self._brace_follows()
        if name in ("if", "elseif", "else", "for", "while", "try") or (name == "do" and brace):
            return self._structure(name or "", condition, arguments, brace)
        tree: Tree = (name, condition, self._arguments(name or "") if arguments else [])
        return tree

    def _brace_follows(self) -> bool:
        return bool(re.match(r"\s*\{", self._text[self._at :]))

    def _structure(self, name: str, condition: Any, arguments: bool, brace: bool) -> Tree:
        if name == "try":
            body = self._block()
            self._blanks()
            variable, handler = "", []
            if re.match(r"catch\b", self._text[self._at :], re.IGNORECASE):
                self._at += 5
                self._blanks()
                found = re.match(r"\(?\s*(%?[A-Za-z][A-Za-z0-9]*)?\s*\)?", self._text[self._at :])
                if found and not self._brace_follows():
                    variable = found[1] or ""
                    self._at += found.end()
                handler = self._block()
            return ("try", body, variable, handler)
        if name == "do":
            body = self._block()
            self._blanks()
            if re.match(r"while\b", self._text[self._at :], re.IGNORECASE):
                self._at += 5
                self._blanks()
                return ("do while", body, self._expression())
            return ("block", body)
        if name == "else":
            return ("else", self._block() if brace else self._rest_of_line())
        heads: list[Any] = []
        if arguments and not brace:
            self._blanks(lines=False)
            heads = self._for_heads() if name == "for" else [self._expression()]
            while name != "for" and self._take(","):
                self._blanks()
                heads.append(self._expression())
        body = self._block() if self._brace_follows() else self._rest_of_line()
        return (name, condition, heads, body)

    def _rest_of_line(self) -> list[Tree]:
        """The old form: what follows on the line belongs to `if`, `else` and `for`."""
        end = self._text.find("\n", self._at)
        line = self._text[self._at : end if end >= 0 else len(self._text)]
        self._at += len(line)
        return Parser(line).commands()

    def _for_heads(self) -> list[Tree]:
        """`i=1:1:10`, `i="a","b"`."""
        variable = self._primary()
        self._blanks()
        self._need("=")
        self._blanks()
        heads: list[Tree] = []
        while True:
            parts = [self._expression()]
            while self._take(":"):
                parts.append(self._expression())
            heads.append((variable, *parts))
            if not self._take(","):
                return heads
            self._blanks()

    def _arguments(self, name: str) -> list[Any]:
        found = []
        while True:
            self._blanks(lines=False)
            found.append(self._argument(name))
            self._blanks(lines=False)
            if not self._take(","):
                return found

    def _argument(self, name: str) -> Any:
        if name == "set":
            if self._take("("):
                targets = []
                while not self._take(")"):
                    targets.append(self._primary())
                    self._take(",")
                    self._blanks()
            else:
                targets = [self._primary()]
            self._blanks()
            self._need("=")
            self._blanks()
            return (targets, self._expression())
        if name == "write" and self._peek() in "!?#":
            if self._take("!"):
                return ("newline",)
            if self._take("#"):
                return ("nothing",)
            self._need("?")
            return ("column", self._expression())
        if name in ("do", "job"):
            target = self._call()
            return (target, self._expression(tight=True) if self._take(":") else None)
        if name == "new" or (name == "kill" and self._peek() != "^"):
            return self._primary()
        return self._expression()

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
            name = self._match(_NAME)
            if self._take("("):
                tree = ("method", tree, name, self._list())
            else:
                tree = ("property", tree, name)
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
        if self._peek(3) == "$$$":
            self._at += 3
            return ("macro", self._match(_NAME), self._list() if self._take("(") else [])
        if self._peek(2) == "$$" or self._peek(2) == "##":
            return self._call()
        if self._take("$"):
            return self._dollar()
        if self._take("^"):
            name = self._match(_NAME)
            return ("global", name, self._list() if self._take("(") else [])
        name = self._match(_NAME)
        return ("local", name, self._list() if self._take("(") else [])

    def _string(self) -> str:
        found = re.compile(r'"((?:[^"]|"")*)"').match(self._text, self._at)
        if not found:
            self.fail("string not ended")
        assert found
        self._at = found.end()
        return found[1].replace('""', '"')

    def _dollar(self) -> Tree:
        name = self._match(_NAME).lower()
        if name == "system" and self._take("."):
            parts = [self._match(_NAME)]
            while self._take("."):
                parts.append(self._match(_NAME))
            arguments = self._list() if self._take("(") else []
            return ("class", "%SYSTEM." + ".".join(parts[:-1]), parts[-1], arguments)
        if self._take("("):
            return ("function", name, self._pairs() if name in ("s", "select", "case") else self._list())
        return ("special", name)

    def _call(self) -> Tree:
        """Something that can be done: a class method, a label of a routine, or a method of an object."""
        if found := _CLASS.match(self._text, self._at):
            self._at = found.end()
            tree: Tree = ("class", found[1], found[2], self._list() if self._take("(") else [])
            return self._postfix(tree)
        value = self._take("$$")
        if not value and self._peek() == "$":
            return self._postfix(self._primary())
        label = self._match(_NAME) if self._peek() != "^" else ""
        if label and self._peek() == "." and not value:
            return self._postfix(("local", label, []))
        routine = self._match(_NAME) if self._take("^") else ""
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
                found.append(("reference", self._match(_NAME)))
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
