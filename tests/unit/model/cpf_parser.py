"""Reads a merge file back, written from the format's description and not from the renderer."""

from dataclasses import dataclass, field


@dataclass
class Parsed:
    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    actions: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def named(self, action: str) -> list[dict[str, str]]:
        return [properties for name, properties in self.actions if name == action]

    def only(self, action: str) -> dict[str, str]:
        (properties,) = self.named(action)
        return properties


def parse(text: str) -> Parsed:
    parsed, section = Parsed(), ""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            assert line.endswith("]"), line
            section = line[1:-1]
            if section != "Actions":
                assert section not in parsed.sections, f"[{section}] stands there twice"
                parsed.sections[section] = {}
        elif section == "Actions":
            name, _, properties = line.partition(":")
            parsed.actions.append((name, _properties(properties)))
        else:
            name, equals, value = line.partition("=")
            assert equals, line
            assert name not in parsed.sections[section], f"{name} stands there twice"
            parsed.sections[section][name] = value
    return parsed


def _properties(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _split(text):
        name, equals, value = part.partition("=")
        assert equals, part
        assert name not in found, f"{name} stands there twice"
        if value.startswith('"'):
            assert value.endswith('"'), part
            assert len(value) > 1, part
            value = value[1:-1]
        else:
            assert "=" not in value, f"{part}: a value with = stands in double quotes"
        assert '"' not in value, part
        found[name] = value
    return found


def _split(text: str) -> list[str]:
    parts, quoted = [""], False
    for character in text:
        quoted ^= character == '"'
        if character == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    assert not quoted, text
    return parts
