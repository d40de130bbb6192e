#!/usr/bin/env python3
"""Measures what slow clients and floods cost a gateway; docs/proof.md has what came of it.

    cargo build --release -p portcullis-gateway
    scripts/slow-clients.py [BINARY]

It starts the binary in a temporary folder, with the limits that it has by default, and needs nothing but Python.
"""

import base64
import http.client
import json
import multiprocessing
import os
import secrets
import select
import socket
import subprocess
import sys
import tempfile
import time

ADMIN = "an-admin-token-of-a-measurement-0123456789"
REPORTER = "a-reporters-token-of-a-measurement-0123456789"
SLOW = 1000
SECONDS = 8
BODIES = 100
LARGE = 64 << 20
PATIENCE = 120


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Gateway:
    def __init__(self, binary, folder):
        self.port, admin = free_port(), free_port()
        # Keys of an issuer whose tokens are then forged: any public key that signs nothing.
        subprocess.run([binary, "keys", "generate", "--file", f"{folder}/own.json", "--alg", "RS256"],
                       check=True, stdout=subprocess.DEVNULL)
        with open(f"{folder}/own.json") as file:
            keys = json.load(file)["keys"]
        public = [{m: k[m] for m in ("kty", "n", "e", "kid", "alg", "use") if m in k} for k in keys]
        with open(f"{folder}/keys.json", "w") as file:
            json.dump({"keys": public}, file)
        self.kid = public[0]["kid"]
        with open(f"{folder}/portcullis.toml", "w") as file:
            file.write(f"""
[server]
listen = "127.0.0.1:{self.port}"
admin_listen = "127.0.0.1:{admin}"
[database]
url = "sqlite://{folder}/portcullis.db"
[secrets]
master_key = "{b64(b'k' * 32)}"
admin_tokens = ["{ADMIN}"]
[[revocation_api.clients]]
name = "gitlab"
token = "{REPORTER}"
[[auth.oidc]]
issuer = "https://gitlab.example.com"
audiences = ["a"]
jwks_file = "{folder}/keys.json"
""")
        os.chmod(f"{folder}/portcullis.toml", 0o600)
        self.process = subprocess.Popen([binary, "serve", "--config", f"{folder}/portcullis.toml"],
                                        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("the gateway does not listen")

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mint(self):
        one = http.client.HTTPConnection("127.0.0.1", self.port)
        body = {"name": "m", "owner": "user:ann", "scopes": [], "expires_at": "2099-01-01T00:00:00Z"}
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        body["expires_at"] = expires
        one.request("POST", "/v1/pats", json.dumps(body), {"Authorization": f"Bearer {ADMIN}"})
        return json.load(one.getresponse())["token"]


def attach(port, count, ready):
    """Slow clients: a third drips heads, a third bodies, a third sends nothing after an answer."""
    poll, clients = select.poll(), {}

    def open_one(n):
        one = socket.socket()
        one.bind((f"127.0.1.{n % 250 + 1}", 0))
        one.connect(("127.0.0.1", port))
        begin = [
            b"GET /auth HTTP/1.1\r\nHost: a\r\nX-Slow: ",
            b"POST /v1/revoke_tokens HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\nContent-Length: 67108864\r\n\r\n["
            % REPORTER.encode(),
            b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        ][n % 3]
        one.send(begin)
        one.setblocking(False)
        clients[one.fileno()] = (one, n)
        poll.register(one, select.POLLIN | select.POLLHUP)

    for n in range(count):
        open_one(n)
    ready.set()
    while True:
        for number, _ in poll.poll(0):
            one, n = clients[number]
            try:
                gone = not one.recv(65536)
            except OSError:
                gone = True
            if gone:
                poll.unregister(one)
                del clients[number]
                one.close()
                open_one(n)
        for one, n in list(clients.values()):
            if n % 3 < 2:
                try:
                    one.send(b" ")
                except OSError:
                    pass
        time.sleep(1)


def latencies(port, token, times=3000):
    one = http.client.HTTPConnection("127.0.0.1", port)
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        one.request("GET", "/auth", headers={"Authorization": f"Bearer {token}"})
        answer = one.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    return taken[times // 2], taken[times * 99 // 100]


def flood(port, kind, token, kid, count):
    """Forged tokens in pipelines of sixteen, each another one, as fast as they are taken."""
    header = b64(json.dumps({"alg": "RS256", "kid": kid}).encode())
    claims = {"iss": "https://gitlab.example.com", "aud": "a", "sub": "x", "exp": int(time.time()) + 3600}
    jwt = f"{header}.{b64(json.dumps(claims).encode())}"
    one = socket.create_connection(("127.0.0.1", port))
    end = time.time() + SECONDS
    while time.time() < end:
        batch = []
        for _ in range(16):
            bad = token[:-8] + secrets.token_hex(4) if kind == "pat" else f"{jwt}.{b64(secrets.token_bytes(256))}"
            batch.append(f"GET /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {bad}\r\n\r\n")
        one.sendall("".join(batch).encode())
        text = b""
        while text.count(b"HTTP/1.1 ") < 16 or not text.endswith(b"}"):
            text += one.recv(262144)
        assert text.count(b"HTTP/1.1 401") == 16, text[:300]
        with count.get_lock():
            count.value += 16


def large(port, n, taken):
    """A report whose items are as long as any are taken, each of another token; again until it is taken."""
    while True:
        try:
            status = report(port, n)
        except OSError:
            # It was answered before it was sent.
            status = "503"
        if status == "204":
            break
        assert status in ("429", "503"), status
        time.sleep(1)
    with taken.get_lock():
        taken.value += 1


def report(port, n):
    one = socket.create_connection(("127.0.0.1", port))
    one.sendall(b"POST /v1/revoke_tokens HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n[" % (REPORTER.encode(), LARGE))
    left = LARGE - 1
    filler = "t" * 16000
    number = 0
    while left > 40000:
        kind = "gitleaks_rule_id_gitpod_personal_access_token"
        item = ('{"type":"%s","token":"%04d%08d%s"},' % (kind, n, number, filler)).encode()
        one.sendall(item)
        left -= len(item)
        number += 1
    one.sendall(b'{"type":"gitleaks_rule_id_gitpod_personal_access_token","token":null}'.ljust(left - 1) + b"]")
    return one.recv(65536).split(b" ")[1].decode()


def watched(gateway, processes, patience=3600):
    most, end = gateway.memory(), time.time() + patience
    while any(one.is_alive() for one in processes) and time.time() < end:
        most = max(most, gateway.memory())
        time.sleep(0.02)
    assert all(one.exitcode in (0, None) for one in processes), "a client failed"
    return most


def run(target, *arguments):
    one = multiprocessing.Process(target=target, args=arguments, daemon=True)
    one.start()
    return one


def floods(gateway, token):
    for kind in ("pat", "jwt"):
        count, before, cpu = multiprocessing.Value("l", 0), gateway.memory(), gateway.cpu()
        clients = [run(flood, gateway.port, kind, token, gateway.kid, count) for _ in range(2)]
        good = latencies(gateway.port, token)
        most, cpu = watched(gateway, clients), gateway.cpu() - cpu
        print(f"forged {kind}s: {count.value} in {SECONDS} s, {cpu / count.value * 1e6:.0f} us of processor each, "
              f"memory {before:.1f} to {most:.1f} MiB, good client p50 {good[0]:.2f} ms p99 {good[1]:.2f} ms")


def main():
    sys.stdout.reconfigure(line_buffering=True)
    binary = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/portcullis")
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(binary, folder)
        try:
            token = gateway.mint()
            good = latencies(gateway.port, token)
            print(f"alone: memory {gateway.memory():.1f} MiB, good client p50 {good[0]:.2f} ms p99 {good[1]:.2f} ms")
            ready = multiprocessing.Event()
            slow = run(attach, gateway.port, SLOW, ready)
            ready.wait()
            time.sleep(3)
            good = latencies(gateway.port, token)
            print(f"with {SLOW} slow clients: memory {gateway.memory():.1f} MiB, "
                  f"good client p50 {good[0]:.2f} ms p99 {good[1]:.2f} ms")
            slow.kill()
            slow.join()
            floods(gateway, token)
            before, taken = gateway.memory(), multiprocessing.Value("l", 0)
            clients = [run(large, gateway.port, n, taken) for n in range(BODIES)]
            most = watched(gateway, clients, PATIENCE)
            print(f"{BODIES} reports of {LARGE >> 20} MiB at once: memory {before:.1f} to {most:.1f} MiB, "
                  f"{taken.value} taken in {PATIENCE} s at the most")
        finally:
            gateway.process.terminate()
            gateway.process.wait()


if __name__ == "__main__":
    main()
