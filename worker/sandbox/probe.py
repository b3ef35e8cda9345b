"""Says which files this interpreter needs, one a line: `KIND PATH`.

Kinds: executable, loader (the dynamic linker as the executable names it), standard (a folder of the
standard library), library (a shared library that the interpreter or a module of its own is linked to).
"""
import os
import struct
import sys


def loader(path):
    with open(path, "rb") as file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return None
        offset = struct.unpack_from("<Q", head, 32)[0]
        size, count = struct.unpack_from("<HH", head, 54)
        for index in range(count):
            file.seek(offset + index * size)
            entry = struct.unpack("<IIQQQQQQ", file.read(56))
            if entry[0] == 3:
                file.seek(entry[2])
                return file.read(entry[5]).rstrip(b"\0").decode()
    return None


def load_extensions(folder):
    for name in os.listdir(folder):
        if name.endswith(".so") and not name.startswith(("_test", "_ctypes_test", "xx", "_tkinter")):
            try:
                __import__(name.split(".")[0])
            except Exception:
                pass


executable = os.path.realpath(sys.executable)
print("executable", executable)
print("loader", loader(executable) or "")
standard = [path for path in sys.path if os.path.isdir(path)]
for path in standard:
    print("standard", os.path.realpath(path))
    if os.path.basename(path) == "lib-dynload":
        load_extensions(path)
libraries = set()
with open("/proc/self/maps", encoding="utf-8") as maps:
    for line in maps:
        fields = line.rstrip("\n").split(None, 5)
        if len(fields) == 6 and ".so" in os.path.basename(fields[5]):
            libraries.add(os.path.realpath(fields[5]))
for path in sorted(libraries):
    if not any(path.startswith(os.path.realpath(folder) + "/") for folder in standard):
        print("library", path)
