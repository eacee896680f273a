"""Asks the Python libraries about each case on standard input; prints what they say as JSON."""

import base64
import hashlib
import hmac
import json
import sys

import standardwebhooks
import svix.webhooks


def accepts(library, case):
    try:
        library(case["secret"]).verify(case["body"], case["headers"])
    except (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError):
        return False
    return True


def amity(case):
    """What the documentation of social.plus says a receiver does."""
    digest = hmac.new(case["secret"].encode(), case["body"].encode(), hashlib.sha256).digest()
    given = case["headers"].get("x-amity-signature", "")
    return hmac.compare_digest(base64.b64encode(digest).decode(), given)


said = [
    {
        "name": case["name"],
        "libraries": {
            "standardwebhooks": accepts(standardwebhooks.Webhook, case),
            "svix": accepts(svix.webhooks.Webhook, case),
        },
        "amity": amity(case),
    }
    for case in json.load(sys.stdin)
]
json.dump(said, sys.stdout)
