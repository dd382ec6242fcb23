"""What a request to AWS is about (region, service, operation, what it names), and refusals of it."""

import io
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Request:
    """One API request. `operation` is AWS's name for it; for Route 53 and S3 it reads `METHOD /path`."""

    region: str
    service: str
    operation: str
    names: frozenset[str]
    """Every value in it: parameters and parts of the path."""


def read_request(environ: dict[str, Any]) -> Request:
    """Read what a request is about, leaving its body readable for the next."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    region, service = scope.groups() if scope else ("", "")
    path = environ.get("PATH_INFO", "/")
    names = {part for part in path.split("/") if part}
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        operation = target.rpartition(".")[2]
        names |= _strings(json.loads(body or b"{}"))
    elif "/operation/" in path:
        operation = path.rpartition("/")[2]
    else:
        parameters = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        if "form-urlencoded" in environ.get("CONTENT_TYPE", ""):
            parameters |= dict(parse_qsl(body.decode()))
        operation = parameters.get("Action", f"{environ['REQUEST_METHOD']} {path}")
        names |= set(parameters.values())
    return Request(region, service, operation, frozenset(names))


def _strings(value: Any) -> set[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return {text for one in value for text in _strings(one)}
    return {value} if isinstance(value, str) else set()


def refusal(service: str, code: str, message: str) -> tuple[str, bytes]:
    """Return the content type and the body of an error, the way the service writes errors."""
    text = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    match service:
        case "kms" | "budgets" | "monitoring" | "ssm":
            answer = {"__type": code, "message": message, "Message": message}
            return "application/x-amz-json-1.1", json.dumps(answer).encode()
        case "ec2":
            body = f"<Response><Errors><Error>{text}</Error></Errors><RequestID>0</RequestID></Response>"
        case "s3":
            body = f"<Error>{text}</Error>"
        case _:
            body = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error></ErrorResponse>"
    return "text/xml", body.encode()
