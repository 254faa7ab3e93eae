"""A stand-in for the sampler's program: says where it listens and answers health checks, or misbehaves as told.

Its one argument is a JSON object: {"mode": ..., "log": FILE}. Every start appends a line to the log: pid and key.
Modes: "well"; "dies" (at once, with last words); "mute" (never says where it listens); "rubbish" (says something else);
"stubborn" (ignores SIGTERM and the end of its input); "hung" (listens, answers nothing); "chatty" (writes a lot);
"family" (has a child of its own, which holds its output open).
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

told = json.loads(sys.argv[1])
MODE = told["mode"]


class Handler(BaseHTTPRequestHandler):
    """Answers as little of ComfyUI's API as a health check needs."""

    def do_GET(self) -> None:
        if MODE == "hung":
            time.sleep(3600)
        allowed = self.headers.get("Authorization") == f"Bearer {os.environ['ATELIER_SAMPLER_KEY']}"
        known = self.path in {"/system_stats", "/object_info", "/queue"}
        body = json.dumps({"queue_running": [], "queue_pending": []}).encode() if allowed and known else b""
        self.send_response(200 if body else (404 if allowed else 401))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def wait_for_the_end_of_input() -> None:
    """Exit when whoever started us is gone."""
    sys.stdin.buffer.read()
    os._exit(0)


with Path(told["log"]).open("a") as log:
    log.write(f"{os.getpid()} {os.environ.get('ATELIER_SAMPLER_KEY', '')}\n")
if MODE == "dies":
    sys.exit("no model could be loaded from /srv/models/checkpoints/x.safetensors")
if MODE == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
if MODE == "mute":
    time.sleep(3600)
if MODE == "rubbish":
    print("Hello!", flush=True)
    time.sleep(3600)
if MODE == "family":
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    Path(told["log"] + ".worker").write_text(str(worker.pid))
if MODE == "chatty":
    print("x" * 1_000_000, file=sys.stderr, flush=True)
    print("the last of many lines", file=sys.stderr, flush=True)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}"}), flush=True)
if MODE == "chatty":
    print("y" * 1_000_000, flush=True)
server.serve_forever()
