"""Stands in for AWS's session-manager-plugin: same arguments, but the "stream" is a TCP connection.

The first line of the copy that the tests put on PATH names a Python; `VERSION` and `RECORD` are filled in.
"""

import json
import os
import socket
import sys
import threading

VERSION = "{version}"
RECORD = "{record}"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
"""Where the real one looks for keys to sign the opening of the channel with."""


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        print(VERSION)
        return
    variable, region, operation, _profile, request, endpoint = sys.argv[1:]
    assert operation == "StartSession"
    session = json.loads(os.environ[variable])
    told = {"arguments": sys.argv, "region": region, "request": json.loads(request), "endpoint": endpoint}
    told["keys"] = {name: value for name, value in os.environ.items() if name in KEYS}
    with open(RECORD, "a") as stream:  # noqa: PTH123 - starts sooner
        stream.write(json.dumps({**told, "token": session["TokenValue"]}) + "\n")
    # The real one says this on the same channel, ahead of the SSH banner.
    print(f"\nStarting session with SessionId: {session['SessionId']}", flush=True)
    carry(int(session["StreamUrl"].rpartition(":")[2]))


def carry(port: int) -> None:
    peer = socket.create_connection(("127.0.0.1", port))

    def upwards() -> None:
        while data := os.read(0, 65536):
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=upwards, daemon=True).start()
    while data := peer.recv(65536):
        os.write(1, data)


if __name__ == "__main__":
    main()
