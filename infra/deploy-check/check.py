"""Sends one event through a deployed stack, and tries what must not work.

Called by `run` with the name of the stack and the command that makes API keys; the environment says
where the emulator is.
"""

import http.client
import http.server
import json
import os
import shlex
import subprocess
import sys
import threading
import time
import urllib.parse

import boto3
from standardwebhooks.webhooks import Webhook

PATIENCE_S = 60
NETWORK = "/v1/networks/demo"


def main(stack_name, key_command):
    stack = boto3.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    functions = physical_ids(stack_name, "AWS::Lambda::Function")
    api = Api(outputs["ApiUrl"], make_key(key_command, outputs["TableName"]))
    receiver = Receiver()

    allow_batches(functions)
    public_routes(api)
    keys(api)
    loopback_is_refused(api, receiver)
    allow_loopback(functions)
    secret = create_webhook(api, receiver)
    event = post_event(api)
    webhook_arrives(api, receiver, secret, event)
    garbage_is_quarantined(api, outputs["EventsQueueUrl"])
    permissions_are_enforced(api, functions["EventsApi"])
    shortfalls()


def make_key(command, table):
    """Makes the first key of the deployment, and records it as the operator's tool says to."""
    made = subprocess.run([*command, "--network", "demo", "--role", "super_admin"], check=True, capture_output=True, text=True)
    put = shlex.split(made.stdout)
    item = json.loads(put[put.index("--item") + 1])
    boto3.client("dynamodb").put_item(TableName=table, Item=item)
    return next(word for word in made.stderr.split() if word.startswith("ff_"))


def public_routes(api):
    status, _ = api.call("GET", "/v1/health", key=None)
    check("GET /v1/health answers without a key", status == 200, status)
    status, document = api.call("GET", "/v1/openapi.json", key=None)
    check("GET /v1/openapi.json answers without a key", status == 200 and "paths" in document, status)
    status, problem = api.call("GET", "/nowhere", key=None)
    check("an unknown path is a named problem", status == 404 and "type" in problem, status)


def keys(api):
    status, _ = api.call("GET", f"{NETWORK}/webhooks", key=None)
    check("no key: 401", status == 401, status)
    status, _ = api.call("GET", f"{NETWORK}/webhooks", key="ff_super_aaaaaaaaaaaaaaaa_bbbb")
    check("a wrong key: 403", status == 403, status)
    status, _ = api.call("GET", "/v1/networks/other/webhooks")
    check("another network's key: 403", status == 403, status)


def loopback_is_refused(api, receiver):
    status, _ = api.call("POST", f"{NETWORK}/webhooks", {"url": receiver.url})
    check("as deployed, a receiver on loopback is refused", 400 <= status < 500, status)


def allow_loopback(functions):
    """A departure from the template, after its deployment and on the emulator only.

    Deployed functions send to public https addresses alone. Nothing here has one, so the switch of
    the local runner is set by hand on the two functions that judge addresses.
    """
    client = boto3.client("lambda")
    for name in ("WebhooksApi", "WebhookDispatch"):
        variables = client.get_function_configuration(FunctionName=functions[name])["Environment"]["Variables"]
        variables["LOCAL_RECEIVERS"] = "true"
        client.update_function_configuration(FunctionName=functions[name], Environment={"Variables": variables})
    print("note  LOCAL_RECEIVERS=true set on WebhooksApi and WebhookDispatch, since nothing here is public https")


def create_webhook(api, receiver):
    status, endpoint = until(
        lambda: api.call("POST", f"{NETWORK}/webhooks", {"url": receiver.url}), lambda answer: answer[0] == 201
    )
    check("an endpoint is created, its secret shown", status == 201 and endpoint["secret"].startswith("whsec_"), endpoint)
    status, listed = api.call("GET", f"{NETWORK}/webhooks")
    check("the list does not show the secret", status == 200 and endpoint["secret"] not in json.dumps(listed), status)
    return endpoint["secret"]


def post_event(api):
    body = {"event": "message.didCreate", "data": {"text": "from the deployed API"}}
    status, accepted = api.call("POST", f"{NETWORK}/events", body)
    check("an event is accepted", status == 202 and "id" in accepted, (status, accepted))
    return accepted["id"]


def webhook_arrives(api, receiver, secret, event):
    received = until(lambda: list(receiver.received), bool)
    check("the webhook arrives", len(received) == 1, received)
    headers, body = received[0]
    # Raises unless the signature and the timestamp are good.
    Webhook(secret).verify(body, headers)
    check("its signature is verified by the public library", json.loads(body)["id"] == event, body)
    explained = until(
        lambda: api.call("GET", f"{NETWORK}/events/{event}")[1], lambda answer: "succeeded" in json.dumps(answer)
    )
    check("the event says that it was delivered", "succeeded" in json.dumps(explained), explained)


def garbage_is_quarantined(api, queue):
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="garbage", MessageGroupId="demo")
    answer = until(lambda: api.call("GET", f"{NETWORK}/quarantine")[1], lambda answer: "garbage" in json.dumps(answer))
    check("garbage on the events queue becomes a quarantine record", "garbage" in json.dumps(answer), answer)


def permissions_are_enforced(api, function):
    """Takes the function's own policies away, and gives them back."""
    iam = boto3.client("iam")
    role, policies = inline_policies(function)
    event = {"event": "message.didCreate", "data": {}}
    for name in policies:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    status, _ = api.call("POST", f"{NETWORK}/events", event)
    check("without its policy, EventsApi can accept nothing", status >= 500, status)
    for name, document in policies.items():
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    status, _ = until(lambda: api.call("POST", f"{NETWORK}/events", event), lambda answer: answer[0] == 202)
    check("with its policy, it can again", status == 202, status)


def allow_batches(functions):
    """The other departure: AWS lets whoever may SendMessage send batches, and knows no other action for
    it; the emulator wants an action `sqs:SendMessageBatch`, on the same queues."""
    for function in functions.values():
        role, policies = inline_policies(function)
        for name, document in policies.items():
            for statement in document["Statement"]:
                if statement["Action"] == "sqs:SendMessage":
                    statement["Action"] = ["sqs:SendMessage", "sqs:SendMessageBatch"]
                    boto3.client("iam").put_role_policy(
                        RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
                    )
    print("note  sqs:SendMessageBatch added wherever sqs:SendMessage is granted, since this emulator asks for it")


def inline_policies(function):
    """The role of a function, and its policies by name."""
    iam = boto3.client("iam")
    role = boto3.client("lambda").get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[1]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return role, {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def shortfalls():
    print(
        """
Where this emulator falls short of AWS, so these checks prove nothing about it:
  - IAM: it asks for sqs:SendMessageBatch, which AWS does not know; condition keys of DynamoDB are not judged
  - receivers: the functions sent to loopback over http, by a switch the template never sets
  - processor: the functions ran on this computer's own, not necessarily on arm64
  - the function's sandbox: no freezing, no memory limit, no provided.al2023 system libraries
  - SQS: delays beyond 900 s and visibility beyond 12 h are accepted; fair queues are not fair
  - Secrets Manager: a token used twice with different values is accepted
  - Scheduler: malformed schedule expressions are accepted
  - alarms exist, but no metric is extracted from the logs, so none can fire
  - authorizer answers may be cached for another time than the template says"""
    )


class Api:
    """The deployed HTTP API, by address, since its host name exists only inside the emulator."""

    def __init__(self, url, key):
        self.host = urllib.parse.urlsplit(url).netloc
        self.address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
        self.key = key

    def call(self, method, path, body=None, key=...):
        headers = {"host": self.host, "content-type": "application/json"}
        key = self.key if key is ... else key
        if key:
            headers["authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text


class Receiver:
    """A customer's endpoint on loopback that answers 200 and keeps what came."""

    def __init__(self):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/hook"


def physical_ids(stack, kind):
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in resources if it["ResourceType"] == kind}


def until(ask, good):
    """Asks until the answer is good or patience ends; returns the last answer."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = ask()
        if good(answer) or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


class Failed(Exception):
    pass


def check(claim, holds, seen):
    if not holds:
        raise Failed(f"FAIL  {claim}\n      seen: {seen}")
    print(f"ok    {claim}")


def print_logs(stack):
    """What the functions said last; they hold no secrets and no bodies."""
    logs = boto3.client("logs")
    for function, group in physical_ids(stack, "AWS::Logs::LogGroup").items():
        try:
            events = logs.filter_log_events(logGroupName=group)["events"]
        except logs.exceptions.ResourceNotFoundException:
            continue
        for event in events[-20:]:
            print(f"{function}: {event['message'].rstrip()}", file=sys.stderr)


try:
    main(sys.argv[1], sys.argv[2:])
except Failed as failed:
    print_logs(sys.argv[1])
    sys.exit(str(failed))
