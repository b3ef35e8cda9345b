#!/usr/bin/env python3
"""Scans the tree for what reviewers should not have to look for; runs as a test and in `./dev lint`.

  - an include that scripts/edges.txt does not allow
  - C++ files, functions and headers beyond the sizes of the house style
  - words that mark unfinished work, names of package registries' hosts
  - types and calls the project does without, each with the reason

usage: check_tree.py ROOT        Prints `file:line: message` for each finding; exit status 1 when there is any.
"""

import collections
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True

from cpp_functions import functions

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
TEST_LINES_MAX = 120  # a test reads from top to bottom; splitting it hides the order
HEADER_LINES_MAX = 150
HEADER_LINES_HARD_MAX = 250

Finding = collections.namedtuple("Finding", "file line message")

# Prefix or name of an #include <…> to the library that edges.txt names. Standard headers have no slash and
# no `.h` and are not listed.
LIBRARIES = [
    ("absl/", "absl"), ("grpcpp/", "grpc"), ("grpc/", "grpc"), ("google/protobuf/", "proto"),
    ("moa/v1/", "proto"), ("curl/", "curl"), ("sqlite3.h", "sqlite"), ("libpq-fe.h", "libpq"), ("simdjson", "simdjson"),
    ("rapidjson/", "rapidjson"), ("spdlog/", "spdlog"), ("yaml-cpp/", "yaml"), ("CLI/", "cli"),
    ("boost/", "boost"), ("prometheus/", "prometheus"), ("openssl/", "openssl"), ("zlib.h", "zlib"), ("seccomp.h", "seccomp"),
    ("gtest/", "gtest"), ("gmock/", "gtest"), ("benchmark/", "benchmark"), ("libpq-fe.h", "libpq"),
]

# What a pure folder may not include, though it is of the standard library or Abseil.
IMPURE_HEADERS = set("""thread mutex shared_mutex condition_variable future latch barrier semaphore stop_token
    atomic chrono random ctime fstream iostream filesystem cstdio csignal""".split())
IMPURE_ABSL = ("absl/synchronization/", "absl/time/clock.h", "absl/random/", "absl/log/")

# Pattern, where it counts (a path's regular expression), reason.
BANNED = [
    (r"\bstd::string_view\b", r"\.h$", "absl::string_view is our interfaces' type: Abseil here does not convert"),
    (r"\babsl::Mutex\b", r"\.(h|cc)$", "use moa::Mutex: absl::Mutex reports false races and detects deadlocks slowly"),
    (r"\busing namespace\b", r"\.h$", "a header that opens a namespace opens it for everybody"),
    (r"\babsl::Now\(", r"^coordinator/(engine|scheduler)/", "pure code is told the time"),
    (r"\b(std::)?(rand|time)\((0|nullptr|NULL)?\)", r"^coordinator/(engine|scheduler)/", "pure code is told the time and the seed"),
    (r"\b(sleep_for|SleepFor|usleep|nanosleep)\b", r"^(coordinator|worker|client)/", "wait for a condition or a timer of the loop"),
]

# Assembled so that this file does not find itself.
WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
HOSTS = re.compile("|".join(re.escape(h) for h in [
    "registry." + "npmjs", "registry." + "yarnpkg", "pypi" + ".org", "deb." + "debian.org",
    "security." + "debian.org", "pkg" + ".dev", "crates" + ".io", "proxy." + "golang.org"]))
TEXT_FILE = re.compile(
    r"(\.(h|cc|cpp|py|sh|md|txt|json|ya?ml|proto|cmake|html|css|js|mjs|tsx?)|/?(dev|run|Dockerfile|\.npmrc))$")


def tracked_files(root):
    """Files that git knows or would add; everything but build/ where there is no git."""
    try:
        out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                             capture_output=True, check=True).stdout
        names = [n for n in out.decode("utf-8", "surrogateescape").split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, subfolders, files in os.walk(root):
            subfolders[:] = [s for s in subfolders if s not in ("build", ".git", "node_modules")]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(n for n in set(names) if os.path.isfile(os.path.join(root, n)))


def read_edges(path):
    """{folder: (set of our paths, set of libraries)}"""
    edges = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            parts = [p.strip() for p in line.split("|")]
            if len(parts) != 3 or parts[0] in edges:
                raise SystemExit(f"{path}:{number}: expected one line FOLDER | ours | libraries a folder")
            edges[parts[0]] = (set(parts[1].split()), set(parts[2].split()))
    return edges


def rule_for(file, edges):
    """The longest entry that is a folder of `file` or a prefix of it at a '.' (common/net/address)."""
    best = None
    for folder in edges:
        if file.startswith(folder + "/") or file.startswith(folder + "."):
            if best is None or len(folder) > len(best):
                best = folder
    return best


def library_of(header):
    for prefix, library in LIBRARIES:
        if header.startswith(prefix):
            return library
    return "posix" if header.endswith(".h") else None


def check_include(file, header, edges):
    """A message, or None when `file` may include `header`."""
    folder = rule_for(file, edges)
    ours, libraries = edges[folder] if folder else (set(), set())
    library = library_of(header)
    top = header.split("/")[0]
    if "/" in header and top in ("common", "coordinator", "worker", "client", "simulator", "tests"):
        target = os.path.dirname(header)
        if target == os.path.dirname(file) or (folder and target.startswith(folder)):
            return None
        if any(header == o or header.startswith(o + "/") for o in ours):
            return None
        return f"{folder or os.path.dirname(file)} may not include {target}: scripts/edges.txt"
    if "pure" in libraries and (header in IMPURE_HEADERS or header.startswith(IMPURE_ABSL)):
        return f"{folder} is pure and may not include <{header}>: scripts/edges.txt"
    if library is None or library in libraries or "*" in libraries:
        return None
    return f"{folder or os.path.dirname(file)} may not use {library} (<{header}>): scripts/edges.txt"


def function_findings(file, lines):
    limit = TEST_LINES_MAX if file.startswith("tests/") else FUNCTION_LINES_MAX
    for start, length in functions("\n".join(lines) + "\n"):
        if length > limit:
            yield Finding(file, start, f"function of {length} lines, at most {limit}: {lines[start - 1].strip()}")


def check_cpp(file, lines, edges):
    # simdjson hands out std::string_view.
    exempt = ["std::string_view"] if any("<simdjson.h>" in line for line in lines) else []
    for number, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
        if include:
            message = check_include(file, include.group(1), edges)
            if message:
                yield Finding(file, number, message)
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
        for pattern, where, reason in BANNED:
            found = re.search(pattern, code) if re.search(where, file) else None
            if found and found.group(0) not in exempt:
                yield Finding(file, number, f"{found.group(0)}: {reason}")
    if len(lines) > FILE_LINES_MAX:
        yield Finding(file, len(lines), f"file of {len(lines)} lines, at most {FILE_LINES_MAX}: split it by noun")
    if file.endswith(".h"):
        if len(lines) > HEADER_LINES_HARD_MAX:
            yield Finding(file, len(lines), f"header of {len(lines)} lines; aim at {HEADER_LINES_MAX}")
        if "#pragma once" not in [l.strip() for l in lines]:
            yield Finding(file, 1, "header without #pragma once")
    yield from function_findings(file, lines)


def check_cli_once(files):
    """CLI11 costs 4.7 CPU-seconds a file: one file a folder includes it."""
    users = collections.defaultdict(list)
    for name, lines in files.items():
        if any(re.match(r"\s*#\s*include\s+<CLI/", l) for l in lines):
            users[os.path.dirname(name)].append(name)
    for names in users.values():
        for name in sorted(names)[1:]:
            yield Finding(name, 1, f"a second file with CLI11 beside {sorted(names)[0]}: it costs 5 s a file")


def scan(root, edges_path=None):
    edges = read_edges(edges_path or os.path.join(root, "scripts", "edges.txt"))
    cpp = {}
    for name in tracked_files(root):
        if not TEXT_FILE.search(name):
            continue
        with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        for number, line in enumerate(lines, 1):
            word, host = WORDS.search(line), HOSTS.search(line)
            if word:
                yield Finding(name, number, f"'{word.group(0)}': finish it, or say plainly what is not done")
            if host:
                yield Finding(name, number, f"'{host.group(0)}': no registry's host name in the repository")
        if name.endswith((".h", ".cc", ".cpp")):
            cpp[name] = lines
            yield from check_cpp(name, lines, edges)
    yield from check_cli_once(cpp)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    findings = sorted(scan(arguments[1]))
    for finding in findings:
        print(f"{finding.file}:{finding.line}: {finding.message}")
    print(f"check_tree: {len(findings)} finding{'s' * (len(findings) != 1)}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
