"""gemini-cli as an editor runs it, with JSON-RPC on its standard streams (the Agent Client Protocol)."""

import json
import os
import signal
import subprocess


class Refused(Exception):
    """The agent answered with an error."""


class Agent:
    """One process; to be closed."""

    def __init__(self, command, cwd, env):
        self._process = subprocess.Popen([*command, "--acp", "--skip-trust"], cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True)
        self._asked = 0
        self._call("initialize", {"protocolVersion": 1, "clientCapabilities": {}})

    def close(self):
        self._process.stdin.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self._process.stdout.close()

    def session(self, model, tools=()):
        """The id of a new conversation; `tools` are commands that serve some."""
        servers = [{"name": "keypool", "command": command, "args": args, "env": []} for command, *args in tools]
        made = self._call("session/new", {"cwd": os.getcwd(), "mcpServers": servers})["sessionId"]
        self._call("session/set_model", {"sessionId": made, "modelId": model})
        return made

    def prompt(self, session, text, on_update=lambda update: None):
        """What ended the turn, such as "end_turn"."""
        return self._call("session/prompt", {"sessionId": session, "prompt": [{"type": "text", "text": text}]},
                          on_update)["stopReason"]

    def cancel(self, session):
        self._send({"method": "session/cancel", "params": {"sessionId": session}})

    def _send(self, message):
        print(json.dumps({"jsonrpc": "2.0", **message}), file=self._process.stdin, flush=True)

    def _call(self, method, params, on_update=lambda update: None):
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        for line in self._process.stdout:
            if not line.startswith("{"):
                continue
            message = json.loads(line)
            if message.get("method") == "session/update":
                on_update(message["params"]["update"])
            elif message.get("method") == "session/request_permission":
                options = message["params"]["options"]
                allowed = next(option["optionId"] for option in options if option["kind"] == "allow_once")
                self._send({"id": message["id"], "result": {"outcome": {"outcome": "selected", "optionId": allowed}}})
            elif message.get("id") == self._asked and "method" not in message:
                if "error" in message:
                    raise Refused(json.dumps(message["error"]))
                return message["result"]
        raise Refused(f"gemini-cli ended during {method}")
