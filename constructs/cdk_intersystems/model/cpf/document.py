"""The form of a CPF merge file: sections of keys, then `[Actions]`; and what a value may be.

Sources: Configuration Parameter File Reference; Automating Configuration with Configuration Merge. IRIS performs actions in
an order of its own: the order here is only for the reader.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Scalar = str | int
Value = Scalar | tuple[Scalar, ...]

#: What never stands in a rendered file: the host adds it, see the package.
SECRETS: Final = frozenset({"PasswordHash", "Password", "PrivateKeyPassword", "BindPassword", "ProxyPassword"})

_ACTIONS: Final = "Actions"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# Printable ASCII without the double quote, for which the documentation has no escape.
_TEXT: Final = re.compile(r"[ !#-~]*")


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its keys, in their order.

    Args:
        name: Name of the section, as `config`.
        keys: Name of each key and its value; of a tuple the parts are separated by commas.
    """

    name: str
    keys: tuple[tuple[str, Value], ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == _ACTIONS:
            raise ValueError(f"a section is named by letters and digits, and actions are apart, got {self.name!r}")
        _check_names(f"[{self.name}]", [name for name, _ in self.keys])

    def lines(self) -> Iterator[str]:
        """The section's lines."""
        yield f"[{self.name}]"
        for name, value in self.keys:
            parts = value if isinstance(value, tuple) else (value,)
            texts = [_checked(name, part) for part in parts]
            for text in texts:
                # A key's value is not quoted: a comma in a part would make two of it.
                if "," in text:
                    raise ValueError(f"{name} cannot have a comma in one of its values, got {text!r}")
            yield f"{name}={','.join(texts)}"


@dataclass(frozen=True, slots=True)
class Action:
    """One line of `[Actions]`.

    Args:
        name: Name of the action, as `CreateDatabase`.
        properties: Name of each property and its value, in their order.
    """

    name: str
    properties: tuple[tuple[str, Scalar], ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.properties:
            raise ValueError(f"an action is named by letters and has properties, got {self.name!r}")
        _check_names(self.name, [name for name, _ in self.properties])

    def line(self) -> str:
        """The action's line; a value with `=` or `,` in it, and an empty one, stand in double quotes."""
        return f"{self.name}:" + ",".join(f"{name}={_quoted(_checked(name, value))}" for name, value in self.properties)


@dataclass(frozen=True, slots=True)
class MergeFile:
    """A merge file.

    Args:
        heading: A comment of one line: for whom the file is.
        sections: The sections, in their order; `Startup` first.
        actions: The actions.
    """

    heading: str
    sections: tuple[Section, ...]
    actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        names = [section.name for section in self.sections]
        if names[:1] != ["Startup"]:
            raise ValueError("the first section is Startup: the host inserts the password's hash there")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"a section stands in a merge file once, got {', '.join(sorted(twice))} more often")

    def text(self) -> str:
        """The file's text; the same for the same file, always."""
        blocks = [[f"# {_checked('the heading', self.heading)}"], *(list(section.lines()) for section in self.sections)]
        blocks.append([f"[{_ACTIONS}]", *(action.line() for action in self.actions)])
        return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def section(name: str, /, **keys: Value) -> Section:
    """A section from keyword arguments, whose order it keeps."""
    return Section(name, tuple(keys.items()))


def action(name: str, /, **properties: Scalar) -> Action:
    """An action from keyword arguments, whose order it keeps."""
    return Action(name, tuple(properties.items()))


def _check_names(where: str, names: list[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{where} cannot have the name {name!r}: letters and digits only")
        if name in SECRETS:
            raise ValueError(f"{where} cannot have {name}: it is a secret, which the host adds")
        if names.count(name) > 1:
            raise ValueError(f"{where} cannot have {name} twice")


def _checked(name: str, value: Scalar) -> str:
    text = str(value)
    if isinstance(value, bool) or not _TEXT.fullmatch(text) or text != text.strip():
        raise ValueError(f"{name} needs a number or printable text without double quotes and spaces around it, got {value!r}")
    return text


def _quoted(text: str) -> str:
    return f'"{text}"' if not text or re.search("[=,]", text) else text
