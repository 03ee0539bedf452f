"""A service that speaks OpenAI's fine-tuning API: a real HTTP server with state, which plays whole jobs and every kind of trouble.

    python service.py PORT_FILE

``POST /_trouble {"path": "...", "kind": "...", "times": n}`` makes the next n requests whose path begins so fail: "429", "500",
"503", "lost" (the work is done, the answer is not sent), "cut" (the connection breaks in the middle of the request), "html" (a page of
a proxy, with 200), "page" (the same with 502), "list" (JSON of another shape), "half" (JSON that breaks off), "escape" (an error that acts
on a terminal), "hang" (no answer for a while), "moved" (307 to the same path on this server), "moved:URL" (307 to another one).
``POST /_kill {"pid": p, "requests": n, "when": "before" | "after"}`` kills the process at its n-th request from now, before or after
the work is done. ``POST /_script {...}`` sets how jobs go: ``steps``, ``end`` (succeeded, failed, cancelled), ``error``, ``unavailable``. ``GET /_state``
shows everything. Objects have all fields that OpenAI's description requires.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import sys
import threading
import time
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

KEY = "sk-test-0123456789abcdef0123456789abcdef"
MODELS = {
    "gpt-4.1-mini-2025-04-14": ("supervised", "dpo"),
    "gpt-4o-mini-2024-07-18": ("supervised",),
    "tiny-model": ("supervised", "dpo"),
    "grading-model": ("reinforcement",),
}


PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>" + b"<p>Welcome to the proxy.</p>" * 200 + b"</body></html>"
)
ACTING = {
    "message": "\x1b[2J\x1b]0;owned\x07 no such model \u202egnp\x9b31m",
    "type": "invalid_request_error",
    "param": None,
    "code": None,
}
# What some servers answer instead of an answer: (status, body, content type).
ODD = {
    "html": (200, PAGE, "text/html"), "page": (502, PAGE, "text/html"), "list": (200, [1, 2]), "half": (200, b'{"id": "x', "application/json"),
    "escape": (400, {"error": ACTING}), "empty": (200, b"", "application/json"),
}  # fmt: skip


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.files, self.contents, self.uploads, self.parts, self.jobs, self.events = {}, {}, {}, {}, {}, {}
        self.trouble, self.requests, self.kill, self.asked = [], [], None, []
        self.script = {
            "steps": 4,
            "end": "succeeded",
            "error": None,
            "rising": False,
            "refuse": None,
            "temperature": False,
            "breaks": None,
        }
        self.counter = 0

    def new(self, prefix):
        self.counter += 1
        return f"{prefix}{self.counter:08d}"


def now():
    return int(time.time())


class Stream:
    """An answer that is sent word by word."""

    def __init__(self, asked):
        self.asked = asked


class Refused(Exception):
    def __init__(self, status, message, code=None):
        self.status, self.message, self.code = status, message, code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def do_DELETE(self):
        self.answer("DELETE")

    def answer(self, verb):
        url = urlparse(self.path)
        path, query = re.sub(r"^/(v1|openai(?=/))", "", url.path), parse_qs(url.query)
        query = {name: values[-1] for name, values in query.items()}
        trouble = self.trouble_for(verb, path)
        kill = self.kill_now(path)
        if kill and kill["when"] == "before":
            os.kill(kill["pid"], signal.SIGKILL)
            self.close_connection = True
            self.connection.close()
            return
        if trouble == "cut":
            self.rfile.read(min(1000, int(self.headers.get("Content-Length") or 0) // 2))
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if trouble in ("429", "500", "503"):
            self.send(
                int(trouble), {"error": {"message": "trouble on purpose", "type": "server_error", "param": None, "code": None}}
            )
            return
        if trouble in ODD:
            self.send(*ODD[trouble])
            return
        if trouble == "hang":
            time.sleep(3)
            self.close_connection = True
            return
        if trouble and trouble.startswith("moved"):
            self.send(307, b"", Location=(trouble[6:] or f"http://{self.headers['Host']}") + self.path)
            return
        try:
            with self.state.lock:
                if not path.startswith("/_"):
                    self.state.requests.append(f"{verb} {path}")
                    self.check_key()
                status, value = self.route(verb, path, query, body)
        except Refused as error:
            status = error.status
            value = {"error": {"message": error.message, "type": "invalid_request_error", "param": None, "code": error.code}}
        if kill:
            os.kill(kill["pid"], signal.SIGKILL)
        if trouble == "lost" or kill:
            self.close_connection = True
            self.connection.close()
            return
        if isinstance(value, Stream):
            self.send_stream(value.asked)
            return
        self.send(status, value)

    def send_stream(self, asked):
        """Server-sent events, a word each; ``breaks`` ends them in the middle: "cut", or "error" in the service's words."""
        breaks = self.state.script["breaks"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        whole = chat(asked)
        text = whole["choices"][0]["message"]["content"]
        pieces = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in re.findall(r"\S+\s*", text)), {}]
        for number, delta in enumerate(pieces):
            if number == 3 and breaks == "cut":
                self.close_connection = True
                self.connection.close()
                return
            part = {"id": whole["id"], "object": "chat.completion.chunk", "created": now(), "model": asked["model"],
                    "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}]}  # fmt: skip
            if number == 3 and breaks == "error":
                part = {"error": {"message": "The server is overloaded.", "type": "server_error", "param": None, "code": None}}
            self.chunk(b"data: " + json.dumps(part).encode() + b"\n\n")
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def trouble_for(self, verb, path):
        with self.state.lock:
            for entry in self.state.trouble:
                if entry["times"] > 0 and f"{verb} {path}".startswith(entry["path"]):
                    entry["times"] -= 1
                    return entry["kind"]
        return None

    def kill_now(self, path):
        with self.state.lock:
            kill = self.state.kill
            if not kill or path.startswith("/_"):
                return None
            kill["requests"] -= 1
            if kill["requests"] > 0:
                return None
            self.state.kill = None
            return kill

    def check_key(self):
        if self.headers.get("Authorization") != f"Bearer {KEY}" and self.headers.get("api-key") != KEY:
            given = (self.headers.get("Authorization") or "")[7:]
            raise Refused(
                401,
                f"Incorrect API key provided: {given[:8]}****{given[-4:]}. You can find your API key at https://platform.openai.com/account/api-keys.",
                "invalid_api_key",
            )

    def send(self, status, value, kind=None, **headers):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind or ("application/octet-stream" if isinstance(value, bytes) else "application/json"))
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    # the API

    def route(self, verb, path, query, body):
        state = self.state
        if path == "/_state":
            return 200, {
                "files": state.files,
                "uploads": state.uploads,
                "jobs": state.jobs,
                "requests": state.requests,
                "asked": state.asked,
            }
        if path == "/_trouble":
            state.trouble.append(json.loads(body))
            return 200, {}
        if path == "/_kill":
            state.kill = json.loads(body)
            return 200, {}
        if path == "/_script":
            state.script.update(json.loads(body))
            return 200, {}
        if path == "/files" and verb == "POST":
            return 200, self.take_file(*self.form(body))
        if path == "/files":
            return 200, page(list(state.files.values())[::-1], query)
        match = re.fullmatch(r"/files/([\w-]+)(/content)?", path)
        if match:
            if match[1] not in state.files:
                raise Refused(404, f"No such File object: {match[1]}")
            return 200, state.contents[match[1]] if match[2] else state.files[match[1]]
        if path.startswith("/uploads"):
            return 200, self.uploads(path, body)
        if path == "/fine_tuning/jobs" and verb == "POST":
            return 200, self.create(json.loads(body))
        if path == "/fine_tuning/jobs":
            wanted = {name[9:-1]: value for name, value in query.items() if name.startswith("metadata[")}
            jobs = [job for job in list(state.jobs.values())[::-1] if wanted.items() <= (job["metadata"] or {}).items()]
            return 200, page(jobs, query)
        match = re.fullmatch(r"/fine_tuning/jobs/([\w-]+)(?:/(\w+))?", path)
        if match:
            if match[1] not in state.jobs:
                raise Refused(404, f"Could not find fine-tuning job: {match[1]}", "fine_tune_not_found")
            return 200, self.job(state.jobs[match[1]], match[2], query)
        match = re.fullmatch(r"/models/(.+)", path)
        if match:
            if match[1] not in MODELS:
                raise Refused(404, f"The model '{match[1]}' does not exist", "model_not_found")
            return 200, {"id": match[1], "object": "model", "created": 1, "owned_by": "tests"}
        if path == "/chat/completions":
            asked = json.loads(body)
            state.asked.append(asked)
            if state.script["temperature"] and "temperature" in asked:
                raise Refused(400, "Unsupported value: 'temperature' does not support 0.0 with this model.", "unsupported_value")
            return 200, Stream(asked) if asked.get("stream") else chat(asked)
        raise Refused(404, f"Unknown request URL: {verb} {path}")

    def form(self, body):
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        fields = {}
        for part in BytesParser().parsebytes(head + body).get_payload():
            name = part.get_param("name", header="content-disposition")
            fields[name] = (part.get_filename(), part.get_payload(decode=True))
        return fields["file"][0], fields["file"][1], fields["purpose"][1].decode()

    def take_file(self, name, data, purpose):
        if not name.endswith(".jsonl"):
            raise Refused(400, "Invalid extension. Supported formats: jsonl")
        file_id = self.state.new("file-")
        self.state.contents[file_id] = data
        self.state.files[file_id] = {
            "id": file_id, "object": "file", "bytes": len(data), "created_at": now(), "filename": name, "purpose": purpose,
            "status": "processed",
        }  # fmt: skip
        return self.state.files[file_id]

    def uploads(self, path, body):
        state = self.state
        if path == "/uploads":
            asked = json.loads(body)
            upload_id = state.new("upload_")
            state.uploads[upload_id] = {
                "id": upload_id, "object": "upload", "bytes": asked["bytes"], "created_at": now(), "filename": asked["filename"],
                "purpose": asked["purpose"], "status": "pending", "expires_at": now() + 3600,
            }  # fmt: skip
            return state.uploads[upload_id]
        match = re.fullmatch(r"/uploads/(\w+)/(parts|complete|cancel)", path)
        if not match or match[1] not in state.uploads:
            raise Refused(404, "No such Upload")
        upload = state.uploads[match[1]]
        if upload["status"] != "pending":
            raise Refused(400, f"The upload is {upload['status']}")
        if match[2] == "parts":
            head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
            (part,) = BytesParser().parsebytes(head + body).get_payload()
            part_id = state.new("part_")
            state.parts[part_id] = part.get_payload(decode=True)
            return {"id": part_id, "object": "upload.part", "created_at": now(), "upload_id": match[1]}
        if match[2] == "cancel":
            return upload | {"status": "cancelled"}
        data = b"".join(state.parts[part_id] for part_id in json.loads(body)["part_ids"])
        if len(data) != upload["bytes"]:
            raise Refused(400, f"{len(data)} bytes came, {upload['bytes']} were announced")
        upload["status"] = "completed"
        upload["file"] = self.take_file(upload["filename"], data, upload["purpose"])
        return upload

    def create(self, asked):
        state, script = self.state, self.state.script
        if script["refuse"]:
            raise Refused(**script["refuse"])
        model = asked["model"]
        if model not in MODELS:
            raise Refused(400, f"The model `{model}` does not exist or is not available for fine-tuning.", "model_not_found")
        kind = asked["method"]["type"]
        if kind not in MODELS[model]:
            raise Refused(400, f"Model {model} is not available for fine-tuning with method {kind}.", "model_not_available")
        for name in ("training_file", "validation_file"):
            if asked.get(name) and asked[name] not in state.files:
                raise Refused(400, f"File '{asked[name]}' does not exist")
        job_id = state.new("ftjob-")
        state.jobs[job_id] = {
            "id": job_id, "object": "fine_tuning.job", "created_at": now(), "error": None, "fine_tuned_model": None,
            "finished_at": None, "hyperparameters": {"n_epochs": 3}, "model": model, "organization_id": "org-test",
            "result_files": [], "seed": asked.get("seed", 1), "status": "validating_files", "trained_tokens": None,
            "training_file": asked["training_file"], "validation_file": asked.get("validation_file"), "integrations": [],
            "metadata": asked.get("metadata"), "method": asked["method"], "estimated_finish": None, "user_provided_suffix": asked.get("suffix"),
        }  # fmt: skip
        state.events[job_id] = []
        self.event(job_id, "Created fine-tuning job: " + job_id)
        state.jobs[job_id]["_polls"] = 0
        return public(state.jobs[job_id])

    def event(self, job_id, message, data=None, level="info"):
        self.state.events[job_id].append({
            "id": self.state.new("ftevent-"), "object": "fine_tuning.job.event", "created_at": now(), "level": level,
            "message": message, "type": "metrics" if data else "message", "data": data or {},
        })  # fmt: skip

    def job(self, job, what, query):
        state = self.state
        if what == "events":
            return page(state.events[job["id"]][::-1], query)
        if what == "checkpoints":
            items = [{
                "id": f"ftckpt_{job['id']}_{step}", "object": "fine_tuning.job.checkpoint", "created_at": now(), "fine_tuning_job_id": job["id"],
                "fine_tuned_model_checkpoint": f"ft:{job['model']}:test::{step}:ckpt-step-{step}", "step_number": step,
                "metrics": {"step": step, "train_loss": 1.0 / step, "full_valid_loss": 1.1 / step},
            } for step in range(1, state.script["steps"] + 1)] if job["status"] == "succeeded" else []  # fmt: skip
            return page(items, query)
        if what in ("cancel", "pause", "resume"):
            if job["status"] in ("succeeded", "failed", "cancelled"):
                raise Refused(400, f"Job has already completed: {job['status']}")
            job["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "running"}[what]
            return public(job)
        self.go_on(job)
        return public(job)

    def go_on(self, job):
        """Each time somebody looks, the job goes on by one step."""
        script, state = self.state.script, self.state
        if job["status"] in ("succeeded", "failed", "cancelled", "paused"):
            return
        job["_polls"] += 1
        polls = job["_polls"]
        if polls == 1:
            job["status"] = "queued"
        elif polls - 1 <= script["steps"]:
            job["status"] = "running"
            step = polls - 1
            valid = 1.0 / min(step, 2) * (1 + 0.2 * max(0, step - 2)) if script["rising"] else 1.1 / step
            data = {"step": step, "train_loss": 1.0 / step, "valid_loss": valid, "full_valid_loss": valid, "total_steps": script["steps"],
                    "train_mean_token_accuracy": 0.5}  # fmt: skip
            self.event(job["id"], f"Step {step}/{script['steps']}: training loss={1 / step:.2f}", data)
        else:
            job["status"], job["finished_at"] = script["end"], now()
            if script["end"] == "succeeded":
                job["fine_tuned_model"], job["trained_tokens"] = f"ft:{job['model']}:test::{job['id'][-4:]}", 1000
                table = b"step,train_loss,valid_loss\n" + b"".join(
                    b"%d,%.3f,%.3f\n" % (n, 1 / n, 1.1 / n) for n in range(1, script["steps"] + 1)
                )
                result = state.new("file-")
                state.contents[result] = base64.b64encode(table)
                state.files[result] = {
                    "id": result, "object": "file", "bytes": len(table), "created_at": now(), "filename": "step_metrics.csv",
                    "purpose": "fine-tune-results", "status": "processed",
                }  # fmt: skip
                job["result_files"] = [result]
            elif script["error"]:
                job["error"] = {"code": "invalid_training_file", "message": script["error"], "param": "training_file"}


def public(job):
    return {name: value for name, value in job.items() if not name.startswith("_")}


def page(items, query):
    limit = int(query.get("limit", 20))
    after = query.get("after")
    if after:
        at = next((number for number, item in enumerate(items) if item["id"] == after), len(items) - 1)
        items = items[at + 1 :]
    shown = [public(item) for item in items[:limit]]
    ends = {"first_id": shown[0]["id"] if shown else "", "last_id": shown[-1]["id"] if shown else ""}
    return {"object": "list", "data": shown, "has_more": len(items) > limit, **ends}


def chat(asked):
    said = asked["messages"][-1]["content"]
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": now(), "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                     "message": {"role": "assistant", "content": f"{asked['model']} heard: {said}", "refusal": None}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip


class Server(ThreadingHTTPServer):
    """A server that takes it calmly when a client has heard enough."""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def serve(port=0):
    server = Server(("127.0.0.1", port), type("Bound", (Handler,), {"state": State()}))
    server.daemon_threads = True
    return server


if __name__ == "__main__":
    made = serve(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    with open(sys.argv[1], "w") as file:
        file.write(str(made.server_address[1]))
    made.serve_forever()
