"""Faults on demand: what the simulated AWS does wrong, as a JSON file says.

The file holds a list of rules, the first that matches a request wins. Each has a `fault` and may narrow down
what it is for with `region`, `service` (the name in request signatures, such as `ec2`) and `operation`
(such as `RunInstances`; for Route 53 and S3 `METHOD /path`); all three may hold `*`. `times` says how often
it strikes, for ever when left out. Counting begins anew when the file changes.

=============  ==========================================================================================
`throttled`    refused for asking too often; clients try again
`denied`       refused for missing permission
`error`        answered with an internal error of AWS; clients try again
`unanswered`   not carried out; the connection ends after `seconds` (0 when left out)
`lost`         carried out, then the connection ends without an answer
`held`         carried out, then the answer waits until somebody has opened and closed the named pipe `pipe`
`invisible`    carried out, but the next `requests` (3 when left out) that name what it made do not find it
=============  ==========================================================================================
"""

import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lab.aws.server.request import Request, read_request, refusal

Start = Callable[..., Any]
CarryOut = Callable[[dict[str, Any], Start], Iterable[bytes]]


class Rule(BaseModel):
    """One line of the file; see above."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: Literal["throttled", "denied", "error", "unanswered", "lost", "held", "invisible"]
    region: str = "*"
    service: str = "*"
    operation: str = "*"
    times: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[float, Field(ge=0, le=60)] = 0
    requests: Annotated[int, Field(ge=1)] = 3
    pipe: Path | None = None

    def matches(self, request: Request) -> bool:
        return (
            fnmatchcase(request.region, self.region)
            and fnmatchcase(request.service, self.service)
            and fnmatchcase(request.operation, self.operation)
        )


_RULES = TypeAdapter(list[Rule])
_CODES = {  # by fault: the code of EC2, of JSON services, of the others, and the status
    "throttled": ("RequestLimitExceeded", "ThrottlingException", "Throttling", "400 Bad Request"),
    "denied": ("UnauthorizedOperation", "AccessDeniedException", "AccessDenied", "403 Forbidden"),
    "error": ("InternalError", "InternalException", "InternalFailure", "500 Internal Server Error"),
}
_JSON_SERVICES = {"kms", "budgets", "ssm", "monitoring"}


class Faults:
    """Injects the faults of a file into requests; without a file, or while it is missing, there are none."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._stamp: object = None
        self._rules: list[Rule] = []
        self._struck: Counter[int] = Counter()
        self._hidden: Counter[str] = Counter()

    def answer(self, environ: dict[str, Any], start: Start, carry_out: CarryOut) -> Iterable[bytes]:
        """Answer a request: as AWS would, or as the file says."""
        request = read_request(environ)
        missing = self._look_away(request)
        if missing:
            code = _missing_code(request.service, missing)
            return _refuse(start, request, code, f"{missing} does not exist", "400 Bad Request")
        rule = self._choose(request)
        if rule is None:
            return carry_out(environ, start)
        match rule.fault:
            case "throttled" | "denied" | "error":
                return _refuse(start, request, *_refusal(rule.fault, request.service))
            case "unanswered":
                time.sleep(rule.seconds)
                return _hang_up(environ)
            case "lost":
                carry_out(environ, _ignore)
                return _hang_up(environ)
        return self._carry_out_and(rule, request, list(carry_out(environ, start)))

    def _carry_out_and(self, rule: Rule, request: Request, body: list[bytes]) -> Iterable[bytes]:
        """Do what a rule says once a request was carried out."""
        if rule.fault == "held" and rule.pipe is not None:
            with rule.pipe.open("rb") as pipe:
                pipe.read()
        elif rule.fault == "invisible":
            self._hide(request, b"".join(body).decode(), rule.requests)
        return body

    def _choose(self, request: Request) -> Rule | None:
        with self._guard:
            self._reload()
            for at, rule in enumerate(self._rules):
                if rule.matches(request) and (rule.times is None or self._struck[at] < rule.times):
                    self._struck[at] += 1
                    return rule
        return None

    def _reload(self) -> None:
        stamp, content = self._look()
        if stamp != self._stamp:
            self._rules = _RULES.validate_json(content) if stamp else []
            self._stamp = stamp
            self._struck.clear()

    def _look(self) -> tuple[object, bytes]:
        """What tells the file from any other, and its content; opened once: it may be replaced."""
        if self._file is None:
            return None, b""
        try:
            with self._file.open("rb") as file:
                found = os.fstat(file.fileno())
                return (found.st_mtime_ns, found.st_ino), file.read()
        except FileNotFoundError:
            return None, b""

    def _hide(self, request: Request, answer: str, requests: int) -> None:
        with self._guard:
            for name in _made(request, answer):
                self._hidden[name] = requests

    def _look_away(self, request: Request) -> str | None:
        """Return what the request names and may not find yet."""
        with self._guard:
            for name in request.names & self._hidden.keys():
                if self._hidden[name] > 0:
                    self._hidden[name] -= 1
                    return name
        return None


_PREFIXES = {
    "CreateVpc": "vpc",
    "CreateSubnet": "subnet",
    "CreateSecurityGroup": "sg",
    "CreateRouteTable": "rtb",
    "CreateInternetGateway": "igw",
    "CreateNetworkInterface": "eni",
    "CreateVolume": "vol",
    "AllocateAddress": "eipalloc",
    "AssociateAddress": "eipassoc",
    "CreateVpcPeeringConnection": "pcx",
    "RunInstances": "i",
}
_MISSING = {
    "vpc": "InvalidVpcID.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "eni": "InvalidNetworkInterfaceID.NotFound",
    "vol": "InvalidVolume.NotFound",
    "eipalloc": "InvalidAllocationID.NotFound",
    "eipassoc": "InvalidAssociationID.NotFound",
    "pcx": "InvalidVpcPeeringConnectionID.NotFound",
    "i": "InvalidInstanceID.NotFound",
}
_NAMED = {
    "iam": r"<(?:RoleName|InstanceProfileName)>([^<]+)<",
    "route53": r"<Id>/?(?:hostedzone/)?([^<]+)<",
    "kms": r'"KeyId": ?"([^"]+)"',
}


def _made(request: Request, answer: str) -> list[str]:
    """Return the id of what a creating request made."""
    if request.service == "ec2":
        prefix = _PREFIXES.get(request.operation, "[a-z]+")
        found = re.search(rf">({prefix}-[0-9a-f]{{8,}})<", answer)
    else:
        found = re.search(_NAMED.get(request.service, r"(?!)"), answer)
    return [found[1]] if found else []


def _missing_code(service: str, name: str) -> str:
    match service:
        case "ec2":
            return _MISSING.get(name.partition("-")[0], "InvalidID.NotFound")
        case "route53":
            return "NoSuchHostedZone" if name.startswith("Z") else "NoSuchHealthCheck"
        case "iam":
            return "NoSuchEntity"
    return "NotFoundException"


def _refusal(fault: str, service: str) -> tuple[str, str, str]:
    """Return the code, the message and the HTTP status of a fault."""
    of_ec2, of_json, other, status = _CODES[fault]
    code = of_ec2 if service == "ec2" else of_json if service in _JSON_SERVICES else other
    return code, f"{fault}, as the faults ask", status


def _refuse(start: Start, request: Request, code: str, message: str, status: str) -> Iterable[bytes]:
    kind, body = refusal(request.service, code, message)
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def _ignore(*_: Any) -> None:
    return None


def _hang_up(environ: dict[str, Any]) -> Iterable[bytes]:
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("hung up, as the faults ask")
