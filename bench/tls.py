"""What TLS and HTTP/2 cost: hello over each, with h2load on the same machine, in interleaved rounds.

    python3 bench/tls.py [ROUNDS]

Needs nghttp2-client and openssl. Prints requests/s and CPU microseconds of the server per request (medians), and its resident memory idle and after.
"""
from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = "40000"
ONE, TEN = ["-c", "64", "-m", "1"], ["-c", "16", "-m", "10"]
APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]
"""


class Case:
    def __init__(self, name: str, folder: str, options: list[str], load: list[str]) -> None:
        self.name, self.results = name, []
        environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'python'}:{folder}"}
        command = [sys.executable, "-m", "waitress", "--listen=127.0.0.1:0", "--threads=4", *options, "hello:app"]
        self.server = subprocess.Popen(command, env=environ, cwd=folder, stderr=subprocess.PIPE, text=True)
        assert self.server.stderr is not None
        line = next(line for line in self.server.stderr if "Serving on" in line)
        self.load = ["h2load", "-n", REQUESTS, *load, line.split("Serving on ")[1].strip() + "/"]
        time.sleep(1)
        self.idle = self.memory()

    def memory(self) -> float:
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def round(self) -> None:
        before = self.cpu()
        said = subprocess.run(self.load, capture_output=True, text=True, check=True).stdout
        assert f"{REQUESTS} succeeded" in said, said
        rate = float(re.search(r"([\d.]+) req/s", said)[1])  # type: ignore[index]
        self.results.append((rate, (self.cpu() - before) / int(REQUESTS) * 1e6))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "hello.py").write_text(APP)
        key, certificate = f"{folder}/key", f"{folder}/certificate"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
             "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
        tls = [f"--certfile={certificate}", f"--keyfile={key}"]
        cases = [
            Case("HTTP/1.1", folder, [], ["--h1", "-c", "64"]),
            Case("HTTP/1.1 over TLS", folder, tls, ["--h1", "-c", "64"]),
            Case("HTTP/2", folder, ["--http=2"], ONE),
            Case("HTTP/2, ten at a time", folder, ["--http=2"], TEN),
            Case("HTTP/2 over TLS", folder, tls, ONE),
            Case("HTTP/2 over TLS, ten at a time", folder, tls, TEN),
        ]
        for _ in range(rounds):
            for case in cases:
                case.round()
        for case in cases:
            rate, cpu = (statistics.median(result[i] for result in case.results) for i in (0, 1))
            print(f"{case.name:32} {rate:9,.0f} requests/s {cpu:6.1f} us of CPU each   {case.idle:5.1f} MiB idle, {case.memory():5.1f} after")
            case.server.terminate()


if __name__ == "__main__":
    main()
