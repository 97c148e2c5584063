"""template.yaml as CloudFormation would see it, expanded offline: the one source of every queue, table and mapping property.

The embedded stack builds itself from this, and the template tests assert on it, so neither repeats a number.
"""

import logging
import re
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE_PATH = Path(__file__).resolve().parent.parent / "template.yaml"

#: What CloudFormation knows by itself, as the emulator has it.
PSEUDO_PARAMETERS = {
    "AWS::StackName": "gateway-alerts",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "000000000000",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/gateway-alerts/local",
}

#: For the parameters that have no default; none of them may reach AWS.
PLACEHOLDERS = {
    "SlackWebhookUrl": "https://hooks.slack.com/services/T000/B000/placeholder",
    "IngestToken": "local=placeholder-token",
}

_SUB_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
_ABSENT = object()


def source_template() -> dict[str, Any]:
    """template.yaml as it is written, with short forms such as ``!Ref X`` as ``{"Ref": "X"}``."""
    return yaml_parse(TEMPLATE_PATH.read_text(encoding="utf-8"))


def expanded_template(**parameters: str | int) -> dict[str, Any]:
    """The template after the SAM transform, its parameters and conditions resolved.

    ``Ref``, ``Fn::Sub``, ``Fn::If`` and ``Fn::Join`` are resolved as far as parameters and pseudo-parameters go; what
    refers to a resource stays as it is. Resources whose condition is false are gone. The answer is the caller's to change.

    Args:
        parameters: template parameters by name, in place of their defaults; pseudo-parameters by their full name.

    Raises:
        KeyError: the template has no such parameter.
    """
    source = source_template()
    values = PSEUDO_PARAMETERS | _parameter_values(source["Parameters"], parameters)
    expanded = _translated({name: str(value) for name, value in values.items() if not name.startswith("AWS::")})
    resolver = _Resolver(values, expanded.get("Conditions", {}))
    return resolver.resolve(
        expanded
        | {
            section: {name: body for name, body in expanded.get(section, {}).items() if resolver.is_wanted(body.get("Condition"))}
            for section in ("Resources", "Outputs")
        }
    )


def resource(template: dict[str, Any], logical_id: str) -> dict[str, Any]:
    """The properties of one resource of an expanded template."""
    return template["Resources"][logical_id]["Properties"]


def _parameter_values(declared: dict[str, Any], given: dict[str, str | int]) -> dict[str, Any]:
    pseudo = {name: value for name, value in given.items() if name in PSEUDO_PARAMETERS}
    unknown = set(given) - set(declared) - set(pseudo)
    if unknown:
        raise KeyError(f"template.yaml has no parameter {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default", PLACEHOLDERS.get(name)))
        if value is None:
            raise KeyError(f"parameter {name} has no default; give it a value")
        values[name] = int(value) if parameter["Type"] == "Number" else str(value)
    return values | pseudo


def _translated(values: dict[str, str]) -> dict[str, Any]:
    # The translator changes what it is given, takes code from S3 only, and logs what it does at INFO.
    template = source_template()
    for body in template["Resources"].values():
        for key in ("CodeUri", "ContentUri"):
            if key in body["Properties"]:
                body["Properties"][key] = "s3://bucket/key"
    logging.getLogger("samtranslator").setLevel(logging.WARNING)
    translator = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=_session())
    return translator.translate(template, values)


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session(region_name=PSEUDO_PARAMETERS["AWS::Region"])


class _Resolver:
    """Replaces what is known before a deployment; leaves the rest."""

    def __init__(self, values: dict[str, Any], conditions: dict[str, Any]) -> None:
        self._values = values
        self._conditions = conditions

    def is_wanted(self, condition: str | None) -> bool:
        """Whether a condition of the template holds; no condition always does."""
        return condition is None or self._holds(self._conditions[condition])

    def resolve(self, node: Any) -> Any:
        """The node with every known reference replaced; ``AWS::NoValue`` takes its property with it."""
        match node:
            case {"Ref": "AWS::NoValue"}:
                return _ABSENT
            case {"Ref": str(name)} if name in self._values:
                return self._values[name]
            case {"Fn::If": [condition, if_true, if_false]}:
                return self.resolve(if_true if self.is_wanted(condition) else if_false)
            case {"Fn::Sub": text}:
                return self._substituted(text)
            case {"Fn::Join": [separator, parts]}:
                resolved = self.resolve(parts)
                if isinstance(resolved, list) and all(isinstance(part, str) for part in resolved):
                    return separator.join(resolved)
                return {"Fn::Join": [separator, resolved]}
            case dict():
                pairs = ((key, self.resolve(value)) for key, value in node.items())
                return {key: value for key, value in pairs if value is not _ABSENT}
            case list():
                return [value for value in map(self.resolve, node) if value is not _ABSENT]
        return node

    def _substituted(self, text: str | list[Any]) -> Any:
        body, variables = (text, {}) if isinstance(text, str) else (text[0], self.resolve(text[1]))
        known = self._values | {name: value for name, value in variables.items() if isinstance(value, str | int)}
        open_variables = {name: value for name, value in variables.items() if name not in known}
        body = _SUB_VARIABLE.sub(lambda match: str(known.get(match[1], match[0])), body)
        if not _SUB_VARIABLE.search(body):
            return body
        return {"Fn::Sub": [body, open_variables] if open_variables else body}

    def _holds(self, expression: Any) -> bool:
        match expression:
            case {"Condition": name}:
                return self.is_wanted(name)
            case {"Fn::Equals": [left, right]}:
                return str(self.resolve(left)) == str(self.resolve(right))
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case {"Fn::And": parts}:
                return all(map(self._holds, parts))
            case {"Fn::Or": parts}:
                return any(map(self._holds, parts))
        raise ValueError(f"a condition that this cannot read: {expression}")
