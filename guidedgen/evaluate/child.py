"""One worker process as its parent sees it: what it tells, what it uses, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import guidedgen
from guidedgen.evaluate.settings import WALL, Bounds, Checks, EngineChoice, to_json

# Engines are measured on one thread; a helper thread that spins beside it would slow it down.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKIO_WORKER_THREADS": "1",
}
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Child:
    """A worker process. Events are read without blocking; the limits are the caller's to ask for."""

    def __init__(self, choice: EngineChoice, checks: Checks) -> None:
        source = str(Path(guidedgen.__file__).parents[1])  # the same package, wherever this process found it
        path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "guidedgen.evaluate.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **_ONE_THREAD, "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the parent, which then ends its workers
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._partial = b""
        self.mark()
        self.send(to_json(choice, checks))

    def fileno(self) -> int:
        """The pipe to wait on."""
        return self._pipe.fileno()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def send(self, line: dict[str, Any]) -> None:
        """Send one line; a process that is gone already shows itself when it is read from."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def events(self) -> list[dict[str, Any]] | None:
        """What was told since the last call; None once the process has ended and everything was read."""
        read = bytearray(self._partial)
        ended = False
        while True:
            try:
                chunk = os.read(self._pipe.fileno(), 1 << 20)
            except BlockingIOError:
                break
            if not chunk:
                ended = True
                break
            read += chunk
        *lines, self._partial = bytes(read).split(b"\n")
        if ended and not lines:
            return None
        return [json.loads(line) for line in lines]

    def mark(self) -> None:
        """Begin to count time anew."""
        self._wall_from, self._cpu_from = time.monotonic(), self._cpu()

    @property
    def seconds(self) -> float:
        """Wall time since the mark."""
        return time.monotonic() - self._wall_from

    def exceeded(self, bounds: Bounds) -> tuple[str, str] | None:
        """The reason and detail of the limit that it is beyond, or None."""
        cpu = self._cpu() - self._cpu_from
        if cpu > bounds.seconds:
            return "timeout", f"{bounds.seconds:g} s of CPU time"
        if self.seconds > bounds.seconds * WALL:
            return "timeout", f"{bounds.seconds * WALL:g} s of wall time"
        if self.resident_megabytes() > bounds.megabytes:
            return "memory", f"{bounds.megabytes:g} MB"
        return None

    def resident_megabytes(self) -> float:
        """Resident memory; 0 once it has ended."""
        fields = self._proc("statm")
        return int(fields[1]) * _PAGE / 1e6 if fields else 0.0

    def _cpu(self) -> float:
        """CPU seconds of all its threads so far."""
        fields = self._proc(
            "stat"
        )  # proc(5): utime and stime are fields 14 and 15, the name before them may hold spaces
        return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0

    def _proc(self, name: str) -> list[str]:
        try:
            text = Path(f"/proc/{self._process.pid}/{name}").read_text(encoding="ascii", errors="replace")
        except OSError:
            return []
        return text.rpartition(")")[2].split()

    def kill(self) -> None:
        """End it now, with whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def ended(self) -> str:
        """Wait for one that closed its pipe: exit code or signal, and the last line on stderr."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            return "closed its output"
        told = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = self._last_error()
        self._close()
        return f"{told}: {last}" if last else told

    def _last_error(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        lines = self._errors.read().decode("utf-8", errors="replace").split("\n")
        return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "")

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._pipe, self._errors):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
