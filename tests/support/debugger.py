"""A debugger that speaks the Debug Adapter Protocol, as an editor does: just enough to stop at a line."""

from __future__ import annotations

import json
import socket
from typing import Any

TIMEOUT_S = 20.0


class Debugger:
    """Attached to an address until it is closed."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._received = b""
        self._requests = 0

    def request(self, command: str, **arguments: Any) -> None:
        self._requests += 1
        message = {"seq": self._requests, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def answer(self, name: str) -> dict[str, Any]:
        """The next answer to this command, or event of this name."""
        while True:
            message = self._message()
            if name in {message.get("command"), message.get("event")}:
                body: dict[str, Any] = message.get("body") or {}
                return body

    def _message(self) -> dict[str, Any]:
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        length = int(head.rpartition(b":")[2])
        while len(self._received) < length:
            self._receive()
        message: dict[str, Any] = json.loads(self._received[:length])
        self._received = self._received[length:]
        return message

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise EOFError("the function is gone")
        self._received += data

    def attach(self, local_root: str, remote_root: str, file: str, line: int) -> None:
        """As an editor begins: with one breakpoint."""
        self.request("initialize", clientID="test", adapterID="python", pathFormat="path")
        self.answer("initialize")
        self.request("attach", pathMappings=[{"localRoot": local_root, "remoteRoot": remote_root}])
        self.answer("initialized")
        self.request("setBreakpoints", source={"path": f"{local_root}/{file}"}, breakpoints=[{"line": line}])
        self.answer("setBreakpoints")
        self.request("configurationDone")

    def evaluate(self, expression: str) -> str:
        """In the function's frame, once it has stopped."""
        thread = self.answer("stopped")["threadId"]
        self.request("stackTrace", threadId=thread)
        frame = self.answer("stackTrace")["stackFrames"][0]["id"]
        self.request("evaluate", expression=expression, frameId=frame)
        result: str = self.answer("evaluate")["result"]
        return result

    def go_on(self) -> None:
        self.request("continue", threadId=1)

    def close(self) -> None:
        self._socket.close()
