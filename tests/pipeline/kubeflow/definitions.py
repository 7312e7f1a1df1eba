"""Kubernetes' resource definitions, as JSON Schema that a manifest can be held against."""


def of_definition(schema):
    """The schema of a resource definition, which takes no field that it does not name."""
    if isinstance(schema, list):
        return [of_definition(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: of_definition(value) for key, value in schema.items()}
    keeps_others = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and "type" in schema and not keeps_others:
        strict["additionalProperties"] = False
    return strict
