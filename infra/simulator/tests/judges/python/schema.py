"""What Fanfare sends to FCM, against the v1 schema that Google publishes."""
import json, os, sys
import googleapiclient

work = sys.argv[1]
folder = os.path.join(os.path.dirname(googleapiclient.__file__), "discovery_cache", "documents")
document = json.load(open(os.path.join(folder, "fcm.v1.json")))
schemas = document["schemas"]
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list}

def check(value, schema, at):
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema.get("type", "any")
    if kind == "any":
        return
    assert isinstance(value, KINDS[kind]) and not (kind == "integer" and isinstance(value, bool)), f"{at}: {value!r} is no {kind}"
    if "enum" in schema:
        assert value in schema["enum"], f"{at}: {value!r} is none of {schema['enum']}"
    if kind == "array":
        for n, item in enumerate(value):
            check(item, schema["items"], f"{at}[{n}]")
    if kind == "object":
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, item in value.items():
            # JSON of protocol buffers takes both spellings.
            camel = "".join(part.capitalize() if n else part for n, part in enumerate(name.split("_")))
            if camel in known:
                check(item, known[camel], f"{at}.{name}")
            else:
                assert others, f"{at}.{name} is not in Google's schema"
                check(item, others, f"{at}.{name}")

bodies = json.load(open(f"{work}/fcm-bodies.json"))
for n, body in enumerate(bodies):
    check({"message": body}, {"$ref": "SendMessageRequest"}, f"body {n}")
for broken in ({"message": {"token": 1}}, {"message": {"tokn": "x"}}, {"message": {"android": {"priority": "LOUD"}}}):
    try:
        check(broken, {"$ref": "SendMessageRequest"}, "broken")
    except AssertionError:
        continue
    raise SystemExit(f"the check takes {broken}")
print(f"{len(bodies)} bodies fit Google's schema of revision {document['revision']}")
