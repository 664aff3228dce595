"""What the black-box checks share: running the program, reading its CSV, counting results.

The program is only ever used as its users do: arguments, pipes, exit codes, files.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 300


def parser(description):
    """The arguments that every check has."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--binary", type=os.path.abspath,
                           default=str(ROOT / "target/debug/starfact"),
                           help="the program under test")
    arguments.add_argument("--verbose", action="store_true", help="print checks that pass, too")
    arguments.add_argument("--keep", metavar="DIR", help="work here and leave everything behind")
    return arguments


class Workplace:
    """A folder for warehouses and files, removed at the end unless it is to be kept."""

    def __init__(self, keep=None):
        self.is_kept = keep is not None
        self.path = pathlib.Path(keep or tempfile.mkdtemp(prefix="starfact-blackbox-"))
        self.path.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        if not self.is_kept:
            shutil.rmtree(self.path, ignore_errors=True)


class Result:
    """How a run of the program ended."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    def __str__(self):
        command = " ".join(shell_quote(str(part)) for part in self.arguments)
        return f"$ {command}\nexit {self.code}\n{self.out[-800:]}{self.err[-2000:]}"


def shell_quote(text):
    plain = text and all(c.isalnum() or c in "-_./=:," for c in text)
    return text if plain else "'" + text.replace("'", "'\\''") + "'"


def run(binary, *arguments, stdin=None, env=None, cwd=None, timeout=TIMEOUT_SECONDS):
    """Runs the program to its end. Undecodable output becomes replacement characters."""
    command = [str(binary), *map(str, arguments)]
    environment = {**os.environ, "NO_COLOR": "1", "RUST_BACKTRACE": "0", **(env or {})}
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(command, input=data if data is not None else b"", timeout=timeout,
                          capture_output=True, env=environment, cwd=cwd, check=False)
    return Result(command, done.returncode, done.stdout.decode(errors="replace"),
                  done.stderr.decode(errors="replace"))


def crashed(result):
    """What is wrong with the way a run ended, whatever it was asked to do; or None."""
    if result.code not in (0, 1, 2, 3, 4, 130):
        return f"exit code {result.code}"
    for word in ("panicked", "stack backtrace", "RUST_BACKTRACE", "internal error"):
        if word in result.err or word in result.out:
            return f"the output says '{word}'"
    if result.code != 0 and "error" not in result.err:
        return "failed without a message"
    return None


class Shell:
    """One process that takes statements through a pipe, in csv mode, and goes on after errors."""

    MARK = "==done=="

    def __init__(self, binary, *arguments):
        command = [str(binary), *map(str, arguments), "--csv", "--no-bail", "--no-init"]
        environment = {**os.environ, "NO_COLOR": "1", "RUST_BACKTRACE": "0"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment)
        self.errors = []
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self):
        for line in self.process.stderr:
            self.errors.append(line.decode(errors="replace"))

    def ask(self, sql):
        """Runs one statement: what it printed, or None and the text of the error."""
        before = len(self.errors)
        text = f"{sql.strip().rstrip(';')};\n.print {self.MARK}\n"
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return None, self._death()
        lines = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                return None, self._death()
            if line.decode(errors="replace").strip() == self.MARK:
                break
            lines.append(line)
        output = b"".join(lines).decode(errors="replace")
        # What is not a row goes to a stream of its own and may be read a moment later; but a
        # statement without rows always says something: what it did, or what is wrong.
        end = time.monotonic() + 10
        while not output and len(self.errors) == before and time.monotonic() < end:
            time.sleep(0.002)
        errors = "".join(self.errors[before:])
        return (None, errors) if "error:" in errors else (output, errors)

    def _death(self):
        code = self.process.wait()
        self.listener.join(5)
        return f"error: the program ended with code {code}: {''.join(self.errors[-20:])}"

    def close(self):
        """Ends the process; returns its exit code."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.read()
        code = self.process.wait()
        self.listener.join(5)
        return code


class Session(Shell):
    """A Shell whose messages go to a file: when the mark has come, all of them are there."""

    def __init__(self, binary, *arguments):
        command = [str(binary), *map(str, arguments), "--csv", "--no-bail", "--no-init"]
        environment = {**os.environ, "NO_COLOR": "1", "RUST_BACKTRACE": "0"}
        self.messages = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.messages, env=environment)
        self.seen = 0

    def said(self):
        """The messages since the last call."""
        text = os.pread(self.messages.fileno(), 1 << 24, self.seen)
        self.seen += len(text)
        return text.decode(errors="replace")

    def ask(self, sql):
        """Runs one statement: what it printed, or None and the text of the error."""
        text = f"{sql.strip().rstrip(';')};\n.print {self.MARK}\n"
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return None, self._death()
        lines = []
        while (line := self.process.stdout.readline()).strip() != self.MARK.encode():
            if not line:
                return None, self._death()
            lines.append(line)
        errors = self.said()
        output = b"".join(lines).decode(errors="replace")
        return (None, errors) if "error:" in errors else (output, errors)

    def _death(self):
        code = self.process.wait()
        return f"error: the program ended with code {code}: {self.said()[-2000:]}"

    def close(self):
        """Ends the process; returns its exit code."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.read()
        self.messages.close()
        return self.process.wait()


def read_csv(text):
    """RFC 4180 rows as our csv mode writes them: nothing is None, `""` is the empty string.

    A line with nothing in it is a row of one NULL.
    """
    rows, row, at, size = [], [], 0, len(text)
    while at < size:
        if text[at] == '"':
            parts = []
            at += 1
            while True:
                end = text.index('"', at)
                parts.append(text[at:end])
                at = end + 1
                if text[at:at + 1] != '"':
                    break
                parts.append('"')
                at += 1
            row.append("".join(parts))
        else:
            end = at
            while end < size and text[end] not in ",\r\n":
                end += 1
            row.append(text[at:end] if end > at else None)
            at = end
        if text[at:at + 1] == ",":
            at += 1
            if at == size or text[at] in "\r\n":
                row.append(None)
            else:
                continue
        if text[at:at + 2] == "\r\n":
            at += 2
        elif text[at:at + 1] == "\n":
            at += 1
        rows.append(row)
        row = []
    return rows


class Tally:
    """Counts checks, prints those that fail, and ends the program accordingly."""

    def __init__(self, verbose=False):
        self.passed = self.failed = 0
        self.verbose = verbose

    def check(self, name, problem=None, reproduce=None):
        """Counts one check; `problem` is what is wrong, or nothing."""
        if not problem:
            self.passed += 1
            if self.verbose:
                print(f"ok      {name}", flush=True)
            return True
        self.failed += 1
        print(f"FAILED  {name}\n" + indent(str(problem)), flush=True)
        if reproduce:
            print(indent(f"reproduce: {reproduce}"), flush=True)
        return False

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)


def indent(text):
    return "\n".join("    " + line for line in text.rstrip().split("\n"))


def snapshot(folder):
    """Names and contents of all files under a folder."""
    folder = pathlib.Path(folder)
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}
