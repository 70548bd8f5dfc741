"""The real programs for a test: a fake Gemini, one keyd, some proxies; everything on free ports of the loopback address."""

import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import urllib.request

MAKE_LOCAL_CA = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "make-local-ca"
START_SECONDS = 20
STOP_SECONDS = 20


class Program:
    """A process whose standard error goes to a file, and which is ended by its process id."""

    def __init__(self, name, command, log_dir, env=None):
        self.name = name
        self.log_path = pathlib.Path(log_dir) / f"{name}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})

    def wait_for(self, pattern):
        """The match of `pattern` in the log, as soon as it is there."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            match = re.search(pattern, self.log_path.read_text(errors="replace"))
            if match:
                return match
            if self.process.poll() is not None:
                break
            select.select([], [], [], 0.02)
        raise RuntimeError(f"{self.name} did not log {pattern!r}:\n{self.log_path.read_text(errors='replace')[-4000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Not raised: the others are to be stopped too.
            print(f"{self.name} did not end within {STOP_SECONDS} s of SIGTERM")
            self.process.kill()
            return self.process.wait()


class Cluster:
    """fake_gemini ← proxies → keyd. `keys` maps key to project. With `https` the proxies serve that
    too, at `tls_proxy_urls`, and `ca_file` is what clients have to trust."""

    def __init__(self, bin_dir, work_dir, keys, proxies=2, fake_flags=(), keyd_env=None,
                 proxy_env=None, https=False):
        bin_dir, self.work_dir = pathlib.Path(bin_dir), pathlib.Path(work_dir)
        self.programs = []
        proxy_env = dict(proxy_env or {})
        if https:
            proxy_env |= self._certify()
        try:
            self._start_all(bin_dir, keys, proxies, fake_flags, keyd_env or {}, proxy_env)
        except BaseException:
            self.stop()
            raise

    def _certify(self):
        """Settings of a proxy with a certificate of an authority of its own."""
        tls_dir = self.work_dir / "tls"
        subprocess.run([MAKE_LOCAL_CA, "--dir", tls_dir], check=True, stdout=subprocess.DEVNULL)
        self.ca_file = tls_dir / "ca.pem"
        return {"TLS_CERT_FILE": str(tls_dir / "server.pem"), "TLS_PORT": "0",
                "TLS_KEY_FILE": str(tls_dir / "server-key.pem")}

    def _start_all(self, bin_dir, keys, proxies, fake_flags, keyd_env, proxy_env):
        fake_keys = [flag for key, project in keys.items() for flag in ("--key", f"{key}@{project}")]
        fake = self._start("fake_gemini", [bin_dir / "fake_gemini", "--port", "0", *fake_keys, *fake_flags])
        self.fake_url = "http://127.0.0.1:" + fake.wait_for(r"listening on \S+:(\d+)")[1]
        env = {"DATA_DIR": str(self.work_dir / "data"), "GEMINI_BASE_URL": self.fake_url}
        keyd = self._start("keyd", [bin_dir / "keyd"], {
            **env, **keyd_env, "GEMINI_API_KEYS": ",".join(f"{key}@{project}" for key, project in keys.items())})
        keyd.wait_for(r"keyd_started")
        self.proxy_urls, self.tls_proxy_urls = [], []
        for number in range(1, proxies + 1):
            proxy = self._start(f"proxy_{number}", [bin_dir / "proxy"],
                                {**env, **proxy_env, "PORT": "0"})
            ports = proxy.wait_for(r"proxy_listening\b.*\bport=(\d+) tls_port=(\d+)")
            self.proxy_urls.append(f"http://127.0.0.1:{ports[1]}")
            self.tls_proxy_urls.append(f"https://localhost:{ports[2]}")

    def _start(self, name, command, env=None):
        program = Program(name, command, self.work_dir, env)
        self.programs.append(program)
        return program

    def fake(self, path):
        with urllib.request.urlopen(f"{self.fake_url}/__fake/{path}", timeout=10) as answer:
            return json.load(answer)

    def post(self, url, body):
        request = urllib.request.Request(url, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        """Ends all, the proxies first; the names of those that did not exit 0."""
        failed = []
        for program in reversed(self.programs):
            if program.stop() != 0:
                failed.append(program.name)
        return failed
