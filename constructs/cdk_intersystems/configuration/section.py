"""What every part of the configuration is made of: frozen sections, keys with a description, and the types of values."""

import re
from collections.abc import Callable, Sized
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from cdk_intersystems.model.arns import ArnKind, shape_problem
from cdk_intersystems.model.identifiers import IdentifierKind, identifier_problem
from cdk_intersystems.model.regions import partitions


class Section(BaseModel):
    """A mapping in the YAML: only the keys it has, and never changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=False)


def key(
    description: str,
    *,
    example: object = None,
    default: Any = ...,
    default_text: str | None = None,
    default_factory: Callable[[], object] | None = None,
    **limits: Any,
) -> Any:
    """Describes one key of a section.

    Args:
        description: Meaning, unit and limits, with the source of numbers; Markdown, one paragraph.
        example: A valid value. Shown where the key is missing; keys without a default need one.
        default: The value if the key is left out. Default: the key is required.
        default_text: What the default follows from, where `defaults.complete` fills the key in.
        default_factory: Makes the default, for sections.
        **limits: `ge` and `le` of pydantic's `Field`.
    """
    extra: dict[str, JsonValue] = {} if default_text is None else {"x-default": default_text}
    if default_factory is not None:
        return Field(
            default_factory=default_factory,
            description=description,
            examples=[example],
            json_schema_extra=extra,
            **limits,
        )
    return Field(default, description=description, examples=[example], json_schema_extra=extra, **limits)


def checked(problem: Callable[[Any], str | None]) -> AfterValidator:
    """Turns a rule of the model, which says what is wrong in words, into a validator."""

    def check(value: Any) -> Any:
        if (words := problem(value)) is not None:
            raise ValueError(words)
        return value

    return AfterValidator(check)


def length(least: int = 0, most: int | None = None) -> AfterValidator:
    """A validator for the length of a list. Pydantic's own would count only the elements that are right."""

    def problem(value: Sized) -> str | None:
        if len(value) < least:
            return f"needs at least {least}"
        return f"allows at most {most}" if most is not None and len(value) > most else None

    return checked(problem)


def matching(pattern: str, words: str) -> AfterValidator:
    """A validator for text that must match a pattern as a whole."""
    compiled = re.compile(pattern)
    return checked(lambda value: None if compiled.fullmatch(value) else words)


def refusing(values: dict[str, str]) -> BeforeValidator:
    """Refuses certain values with a sentence of their own, before anything else is looked at."""

    def check(value: object) -> object:
        if isinstance(value, str) and value in values:
            raise ValueError(values[value])
        return value

    return BeforeValidator(check)


def identifier(kind: IdentifierKind) -> AfterValidator:
    """A validator for an identifier given by AWS."""
    return checked(lambda value: identifier_problem(value, kind))


def arn(kind: ArnKind) -> AfterValidator:
    """A validator for the shape of an ARN; where it may lie is a rule of the whole deployment."""
    return checked(lambda value: shape_problem(value, kind))


def region_problem(value: str) -> str | None:
    """Says why a text isn't the name of an AWS region; `None` if it is."""
    if value in partitions():
        return None
    close = get_close_matches(value, partitions(), n=3)
    return "needs an AWS region" + (f"; did you mean {' or '.join(close)}?" if close else ", like eu-west-2")


def _network(value: object) -> object:
    words = "needs an IPv4 range in CIDR notation, like 10.20.0.0/16"
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(words)
    try:
        network = IPv4Network(value, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError):
        raise ValueError(words) from None
    if str(network) != value:
        raise ValueError(f"the range that holds this address is {network}: write that")
    return network


def _address(value: object) -> object:
    if isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(value if isinstance(value, str) else "")
    except AddressValueError:
        raise ValueError("needs an IPv4 address, like 10.20.144.17") from None


Text = Annotated[str, Field(strict=True)]
Number = Annotated[int, Field(strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Cidr = Annotated[IPv4Network, BeforeValidator(_network)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
KeyArn = Annotated[Text, arn("kms-key")]
