"""Programs that stand where a real gateway would: they start, answer and die as a test asks."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

_PROGRAM = '''#!{python}
"""Speaks as much of LiteLLM's proxy as a conformance run needs."""
import http.server, json, os, sys, time, urllib.request

if sys.argv[1:] == ["--version"]:
    print("LiteLLM: Current Version = 1.106.2")
    sys.exit()
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
config = json.load(open(arguments["--config"]))
behaviour = {behaviour!r}
if behaviour == "does not start":
    print("model_list is nonsense")
    sys.exit(3)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *ignored):
        pass

    def do_GET(self):
        self.say(200, b"ok")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if behaviour == "dies":
            print("out of memory", flush=True)
            os._exit(9)
        if behaviour == "dies slowly":
            print("out of memory", flush=True)
            os.closerange(3, 256)  # what the kernel does first
            time.sleep(1.0)
            os._exit(9)
        if behaviour == "hangs":
            time.sleep(3600)
        models = body["user_config"]["model_list"]
        for entry in models[:1] if behaviour == "asks the first" else models[::-1]:
            url = entry["litellm_params"]["api_base"] + "/chat/completions"
            asked = {{"model": "m", "messages": body["messages"], "seed": body["seed"]}}
            request = urllib.request.Request(url, json.dumps(asked).encode())
            try:
                with urllib.request.urlopen(request) as answer:
                    self.say(200, answer.read())
                    return
            except urllib.error.HTTPError as error:
                status = error.code
        self.say(status, b'{{"error": {{}}}}')

    def say(self, status, payload):
        self.send_response(status)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *ignored):
        pass


Server(("127.0.0.1", int(arguments["--port"])), Handler).serve_forever()
'''


def gateway(folder: Path, behaviour: str) -> Path:
    """`asks the first`, `asks the last`, `does not start`; `dies`, `dies slowly` or `hangs` when asked."""
    program = folder / "litellm"
    program.write_text(_PROGRAM.format(python=sys.executable, behaviour=behaviour), "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program
