"""Checks JSON against a schema file: as much of JSON Schema as `job.schema.json` uses."""

import json
import re
from collections.abc import Iterator

TYPES = {
    "object": (dict, "an object with names"),
    "array": (list, "a list"),
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": (bool, "true or false"),
    "null": (type(None), "null"),
}


def faults(value: object, schema: dict, place: str = "") -> Iterator[str]:
    """Yield what is wrong with a value, field by field, each a sentence's beginning: "solve.face is 0; ...".

    Args:
        schema: with type, enum, const, minimum, exclusiveMinimum, minLength, minItems, pattern,
            properties, required, additionalProperties: false, items.
        place: the value's own, such as "clips[3]"; "" for the whole file.
    """
    name = place or "it"
    allowed = schema.get("type", [])
    allowed = [allowed] if isinstance(allowed, str) else allowed
    if allowed and not any(_is_a(value, kind) for kind in allowed):
        yield f"{name} is {_short(value)}; it should be {' or '.join(TYPES[kind][1] for kind in allowed)}"
        return
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if choices is not None and value not in choices:
        yield f"{name} is {_short(value)}; it is {' or '.join(_short(choice) for choice in choices)}"
    if _is_a(value, "number") and value < schema.get("minimum", value):
        yield f"{name} is {value}; it is {schema['minimum']} at least"
    if _is_a(value, "number") and "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
        yield f"{name} is {value}; it is more than {schema['exclusiveMinimum']}"
    if isinstance(value, str) and not re.fullmatch(schema.get("pattern", ".*"), value, re.DOTALL):
        yield f"{name} is {_short(value)}; it is like {schema['pattern']}"
    if isinstance(value, (str, list)) and len(value) < schema.get("minLength", schema.get("minItems", 0)):
        yield f"{name} is empty"
    if isinstance(value, dict):
        yield from _faults_inside(value, schema, place)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from faults(item, schema["items"], f"{place}[{index}]")


def _faults_inside(value: dict, schema: dict, place: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{_join(place, name)} is missing"
    for name, item in value.items():
        if name in known:
            yield from faults(item, known[name], _join(place, name))
        elif schema.get("additionalProperties") is False:
            yield f"{_join(place, name)} is unknown; the names there are {', '.join(known)}"


def _is_a(value: object, kind: str) -> bool:
    if isinstance(value, bool):  # which Python takes for a number
        return kind == "boolean"
    return isinstance(value, TYPES[kind][0])


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
