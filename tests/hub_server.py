"""A small Hub on this machine that the real ``huggingface_hub`` client talks to.

It keeps model, data set and Space repositories in memory and answers as the Hub does: creating,
preupload, LFS (batch, PUT, verify), commits, branches, pull requests, info, tree, and resolve with
ETag, Range and the redirect of large files. Faults can be ordered for the next requests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

WRITER, READER = "hf_writer", "hf_reader"
LARGE = (".safetensors", ".bin", ".jpg", ".png", ".onnx", ".wasm")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pointer_hash(content: bytes) -> str:
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(content)}\nsize "
    return git_hash(f"{text}{len(content)}\n".encode())


@dataclass
class Fault:
    """What goes wrong with the next requests that match ``pattern``: a status, a cut, a flip."""

    pattern: str
    kind: int | str
    times: int = 1


@dataclass
class Repo:
    """One repository; every commit is a whole set of files."""

    kind: str
    private: bool = False
    gated: bool = False
    sdk: str | None = None
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], *, ref: str = "main", message: str = "start") -> str:
        listing = [f"{name} {sha256(content)}" for name, content in sorted(files.items())]
        text = "\n".join([str(len(self.commits)), *listing])
        oid = hashlib.sha1(text.encode()).hexdigest()
        self.commits[oid] = dict(files)
        self.refs[ref] = oid
        self.messages.append(message)
        return oid

    def find(self, revision: str) -> str | None:
        return self.refs.get(revision) or (revision if revision in self.commits else None)

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.refs["main"]]


class Hub(ThreadingHTTPServer):
    """The server; ``requests`` notes what was asked for, ``agents`` by whom.

    ``etags`` names files otherwise than by their hashes; without ``declares`` no hash is told;
    ``on_headers`` is told each request with its headers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        # Another host to the client, as the Hub keeps large files on another.
        self.store = f"http://localhost:{self.server_port}"
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.agents: set[str] = set()
        self.faults: list[Fault] = []
        self.etags: dict[str, str] = {}
        self.declares = True
        self.on_headers: Callable[[str, Message], None] | None = None
        self.lock = threading.Lock()

    def add(self, name: str, files: dict[str, bytes], *, kind: str = "model", **more: bool) -> Repo:
        repo = self.repos[f"{kind}s/{name}"] = Repo(kind, **more)
        repo.commit(files)
        return repo

    def fail(self, pattern: str, kind: int | str, *, times: int = 1) -> None:
        self.faults.append(Fault(pattern, kind, times))

    def take_fault(self, request: str) -> int | str | None:
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault.kind
        return None


@contextmanager
def running_hub() -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        yield server
        server.shutdown()


class RefusalError(Exception):
    """An answer that is an error of the Hub's API."""

    def __init__(self, status: int, code: str = "", message: str = "refused") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    ROUTES = (
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("GET", r"/api/(\w+)/([^/]+/[^/]+)(?:/revision/([^/]+))?", "info"),
        ("GET", r"/api/(\w+)/([^/]+/[^/]+)/tree/([^/]+)", "tree"),
        ("POST", r"/api/(\w+)/([^/]+/[^/]+)/preupload/([^/]+)", "preupload"),
        ("POST", r"/api/(\w+)/([^/]+/[^/]+)/commit/([^/]+)", "commit"),
        ("POST", r"/api/(\w+)/([^/]+/[^/]+)/branch/([^/]+)", "branch"),
        ("POST", r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
        ("PUT", r"/objects/(\w+)", "put"),
        ("POST", r"/verify/(\w+)", "verify"),
        ("GET", r"/objects/(\w+)", "object"),
        ("GET", r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", "resolve"),
    )

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        self.server.agents.add(self.headers.get("User-Agent") or "")
        if self.server.on_headers:
            self.server.on_headers(f"{self.command} {unquote(parts.path)}", self.headers)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.body = self.read_body()
        self.fault = self.server.take_fault(f"{self.command} {unquote(parts.path)}")
        method = "GET" if self.command == "HEAD" else self.command
        try:
            if isinstance(self.fault, int):
                raise RefusalError(self.fault, message="ordered by the test")
            for verb, pattern, name in self.ROUTES:
                match = re.fullmatch(pattern, parts.path)
                if match and verb == method:
                    getattr(self, name)(*[group and unquote(group) for group in match.groups()])
                    return
            raise RefusalError(404)
        except RefusalError as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": str(refusal)}
            self.answer({"error": str(refusal)}, status=refusal.status, headers=headers)

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815  # names that http.server wants

    def answer(
        self, content: Any, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            if self.fault == "cut":
                body = body[: len(body) // 2]
                self.close_connection = True
            if self.fault == "flip":
                body = body[:-1] + bytes([body[-1] ^ 1])
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def repo(self, kinds: str | None, name: str) -> Repo:
        repo = self.server.repos.get(f"{kinds or 'models'}/{name}")
        if repo is None or (repo.private and self.token() not in (WRITER, READER)):
            raise RefusalError(
                401 if not self.token() else 404, "RepoNotFound", "Repository not found"
            )
        if repo.gated and not self.token():
            raise RefusalError(403, "GatedRepo", "Access is restricted")
        return repo

    def find(self, repo: Repo, revision: str) -> str:
        oid = repo.find(revision)
        if oid is None:
            raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return oid

    def require_writer(self) -> None:
        if self.token() != WRITER:
            raise RefusalError(403 if self.token() else 401, message="You may not write here")

    def create(self) -> None:
        self.require_writer()
        asked = json.loads(self.body)
        kind = asked.get("type", "model")
        name = f"{asked['organization'] or 'someone'}/{asked['name']}"
        key = f"{kind}s/{name}"
        with self.server.lock:
            taken = key in self.server.repos
            if not taken:
                private = asked.get("private") or asked.get("visibility") == "private"
                repo = self.server.repos[key] = Repo(kind, bool(private), sdk=asked.get("sdk"))
                repo.commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        prefix = "" if kind == "model" else f"{kind}s/"
        headers = {"X-Error-Code": "", "X-Error-Message": "exists already"} if taken else None
        url = {"url": f"{self.server.url}/{prefix}{name}"}
        self.answer(url, status=409 if taken else 200, headers=headers)

    def validate(self) -> None:
        match = re.match(r"---\n(.*?)\n---\n", json.loads(self.body)["content"], re.DOTALL)
        values = yaml.safe_load(match[1]) if match else {}
        if not isinstance(values, dict) or not isinstance(values.get("license", ""), str):
            errors = {"errors": [{"message": '"license" must be a string'}], "warnings": []}
            self.answer(errors, status=400)
            return
        self.answer({"errors": [], "warnings": []})

    def info(self, kinds: str, name: str, revision: str | None) -> None:
        repo = self.repo(kinds, name)
        oid = self.find(repo, revision or "main")
        siblings = [
            {"rfilename": path, **(self.describe(content, path) if "blobs" in self.query else {})}
            for path, content in repo.commits[oid].items()
        ]
        values = {"id": name, "sha": oid, "private": repo.private, "siblings": siblings}
        self.answer({**values, "sdk": repo.sdk} if repo.sdk else values)

    def describe(self, content: bytes, path: str) -> dict[str, Any]:
        if not self.server.declares:
            return {"size": len(content)}
        if not path.endswith(LARGE):
            return {"size": len(content), "blobId": git_hash(content)}
        lfs = {"sha256": sha256(content), "size": len(content), "pointerSize": 130}
        return {"size": len(content), "blobId": pointer_hash(content), "lfs": lfs}

    def tree(self, kinds: str, name: str, revision: str) -> None:
        repo = self.repo(kinds, name)
        rows = []
        for path, content in repo.commits[self.find(repo, revision)].items():
            row = {"type": "file", "path": path, **self.describe(content, path)}
            row["oid"] = row.pop("blobId", "")
            if "lfs" in row:
                row["lfs"] = {**row["lfs"], "oid": row["lfs"]["sha256"]}
            rows.append(row)
        self.answer(rows)

    def preupload(self, kinds: str, name: str, revision: str) -> None:
        self.require_writer()
        repo = self.repo(kinds, name)
        files = repo.commits[self.find(repo, revision)]
        rows = []
        for file in json.loads(self.body)["files"]:
            path = file["path"]
            large = path.endswith(LARGE)
            row = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            if path in files:
                row["oid"] = sha256(files[path]) if large else git_hash(files[path])
            rows.append(row)
        self.answer({"files": rows})

    def batch(self, kinds: str | None, name: str) -> None:
        self.require_writer()
        self.repo(kinds, name)
        rows = []
        for wanted in json.loads(self.body)["objects"]:
            oid, url = wanted["oid"], self.server.url
            actions = {
                "upload": {"href": f"{url}/objects/{oid}"},
                "verify": {"href": f"{url}/verify/{oid}"},
            }
            rows.append(wanted if oid in self.server.objects else {**wanted, "actions": actions})
        self.answer({"transfer": "basic", "objects": rows})

    def put(self, oid: str) -> None:
        if sha256(self.body) != oid:
            raise RefusalError(400, message="the content is not of this hash")
        self.server.objects[oid] = self.body
        self.answer({})

    def verify(self, oid: str) -> None:
        size = len(self.server.objects.get(oid, b""))
        self.answer({}, status=200 if json.loads(self.body)["size"] == size else 422)

    def branch(self, kinds: str, name: str, branch: str) -> None:
        self.require_writer()
        repo = self.repo(kinds, name)
        if branch in repo.refs:
            raise RefusalError(409, message="exists already")
        repo.refs[branch] = repo.refs["main"]
        self.answer({})

    def commit(self, kinds: str, name: str, revision: str) -> None:
        self.require_writer()
        repo = self.repo(kinds, name)
        files = dict(repo.commits[self.find(repo, revision)])
        message = ""
        for line in self.body.splitlines():
            item = json.loads(line)
            key, value = item["key"], item["value"]
            if key == "header":
                message = value["summary"]
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                if value["oid"] not in self.server.objects:
                    raise RefusalError(400, message="LFS object was never uploaded")
                files[value["path"]] = self.server.objects[value["oid"]]
            else:
                raise RefusalError(400, message=f"unknown operation {key}")
        pull = "create_pr" in self.query
        ref = f"refs/pr/{1 + sum(ref.startswith('refs/pr') for ref in repo.refs)}"
        oid = repo.commit(files, ref=ref if pull else revision, message=message)
        place = f"{self.server.url}/{'' if kinds == 'models' else f'{kinds}/'}{name}"
        values = {"commitUrl": f"{place}/commit/{oid}", "commitOid": oid}
        number = ref.rpartition("/")[2]
        self.answer(
            {**values, "pullRequestUrl": f"{place}/discussions/{number}"} if pull else values
        )

    def resolve(self, kinds: str | None, name: str, revision: str, path: str) -> None:
        repo = self.repo(kinds, name)
        oid = self.find(repo, revision)
        content = repo.commits[oid].get(path)
        if content is None:
            raise RefusalError(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": oid}
        if path.endswith(LARGE):
            self.server.objects[sha256(content)] = content
            etag = self.server.etags.get(path, sha256(content))
            headers |= {
                "Location": f"{self.server.store}/objects/{sha256(content)}",
                "X-Linked-Etag": f'"{etag}"',
                "X-Linked-Size": str(len(content)),
            }
            self.answer(b"", status=302, headers=headers)
            return
        etag = self.server.etags.get(path, git_hash(content))
        self.send_range(content, {**headers, "ETag": f'"{etag}"'})

    def object(self, oid: str) -> None:
        self.send_range(self.server.objects[oid], {"ETag": f'"{oid}"'})

    def send_range(self, content: bytes, headers: dict[str, str]) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        headers["Accept-Ranges"] = "bytes"
        if asked is None:
            self.answer(content, headers=headers)
            return
        start = int(asked[1])
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(content[start:], status=206, headers=headers)
