"""Reads commands of ObjectScript into trees."""

import re
from typing import Any

from .expressions import NAME, Expressions, Tree

_COMMANDS = {
    "s": "set", "set": "set", "w": "write", "write": "write", "d": "do", "do": "do", "q": "quit", "quit": "quit", "return":
    "return", "ret": "return", "i": "if", "if": "if", "e": "else", "else": "else", "elseif": "elseif", "f": "for", "for": "for",
    "while": "while", "k": "kill", "kill": "kill", "n": "new", "new": "new", "h": "halt", "halt": "halt", "hang": "hang", "try":
    "try", "throw": "throw", "zn": "znspace", "znspace": "znspace", "zw": "zwrite", "zwrite": "zwrite", "continue": "continue",
    "j": "job", "job": "job",
}  # fmt: skip


class Parser(Expressions):
    """Reads one text."""

    def commands(self, end: str = "") -> list[Tree]:
        """Commands up to the end of the text, or to a closing brace."""
        found: list[Tree] = []
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
        word = self._match(NAME).lower()
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
            return self._assignment()
        if name == "write" and self._peek() in "!?#" and self._peek(2) != "##":
            return self._format()
        if name == "job":
            return self._job()
        if name == "do":
            target = self._call()
            return (target, self._expression(tight=True) if self._take(":") else None)
        if name == "new" or (name == "kill" and self._peek() != "^"):
            return self._primary()
        return self._expression()

    def _job(self) -> Any:
        """`label^routine(arguments)::timeout`; process parameters between the colons aren't known here."""
        target = self._call()
        if not self._take(":"):
            return (target, None)
        self._need(":")
        return (target, self._expression(tight=True))

    def _assignment(self) -> Any:
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

    def _format(self) -> Any:
        if self._take("!"):
            return ("newline",)
        if self._take("#"):
            return ("nothing",)
        self._need("?")
        return ("column", self._expression())
