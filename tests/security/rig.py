"""The real keyd and proxies between a client and an upstream of ours; everything on the loopback address."""

import os
import pathlib
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sdk"))
from client import Client  # noqa: E402
from cluster import Program  # noqa: E402
from upstream import Upstream  # noqa: E402

KEY = "AIzaThePoolsOwnKey0000000000000000000001"
CLIENT_SECRET = "the-clients-own-secret"


class Proxy(Program):
    """A proxy with settings of its own. `descriptors`: how many it may have open."""

    def __init__(self, rig, name, settings, descriptors=None):
        command = [rig.bin_dir / "proxy"]
        if descriptors:
            command = [sys.executable, __file__, str(descriptors), *command]
        super().__init__(name, command, rig.work_dir, {**rig.env, "PORT": "0", "THREADS": "1", **settings})
        self.port = int(self.wait_for(r"proxy_listening\b.*\bport=(\d+)")[1])


class Rig:
    def __init__(self, bin_dir, work_dir):
        self.bin_dir, self.work_dir = pathlib.Path(bin_dir), pathlib.Path(work_dir)
        self._barriers = 0
        self._programs = []
        self.upstream = Upstream()
        self.env = {"DATA_DIR": str(self.work_dir / "data"), "GEMINI_BASE_URL": f"http://{self.upstream.host}",
                    "LOG_LEVEL": "WARNING", "HOST": "127.0.0.1"}
        try:
            keyd = Program("keyd", [self.bin_dir / "keyd"], self.work_dir,
                           {**self.env, "LOG_LEVEL": "INFO", "GEMINI_API_KEYS": KEY, "DEFAULT_RPM_LIMIT": "1000000",
                            "DEFAULT_RPD_LIMIT": "1000000", "DEFAULT_TPM_LIMIT": "1000000000"})
            self._programs.append(keyd)
            keyd.wait_for(r"keyd_started")
            self.proxy = self.start_proxy("proxy", {})
        except BaseException:
            self.stop()
            raise

    def start_proxy(self, name, settings, descriptors=None):
        proxy = Proxy(self, name, {"LOG_LEVEL": "INFO", **settings}, descriptors)
        self._programs.append(proxy)
        return proxy

    def stop_proxy(self, proxy):
        self._programs.remove(proxy)
        if proxy.stop() != 0:
            raise RuntimeError(f"{proxy.name} did not exit with 0: {proxy.log_path.read_text(errors='replace')[-2000:]}")

    def barrier(self, port=None, source="127.0.0.1"):
        """A good request of another client. When it is answered, all that the proxy sent before has been counted by the
        upstream. The upstream's view of it, or None when it was not served."""
        self._barriers += 1
        target = f"/v1beta/barrier/{self._barriers}"
        with Client(port or self.proxy.port, source) as client:
            client.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            if client.read(answers=1).statuses != [200]:
                return None
        return next((request for request in self.upstream.requests if request.target == target), None)

    def stop(self):
        """Ends all; what did not end as it should."""
        failed = []
        for program in reversed(self._programs):
            if program.stop() != 0:
                failed.append(program.name)
        self._programs = []
        self.upstream.stop()
        return failed


if __name__ == "__main__":
    LIMIT = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    os.execv(sys.argv[2], sys.argv[2:])
