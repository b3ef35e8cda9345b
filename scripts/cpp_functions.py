"""Finds the functions of a C++ file by matching braces: enough for measuring them, not a parser."""

import re

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
_SCOPE = re.compile(
    r"^(template\s*<[^{]*>\s*)?((inline|static|typedef)\s+)*(namespace|class|struct|enum|union|extern)\b")
_ACCESS = re.compile(r"\b(public|private|protected)\s*$")


def _blank(match):
    """Keeps the line breaks, so that line numbers stay right."""
    return re.sub(r"[^\n]", " ", match.group(0))


def functions(text):
    """Yields (first line, number of lines) of each function that stands in a namespace or a class."""
    # A digit separator (1'000) is no character literal.
    text = re.sub(r"(?<=\d)'(?=\d)", " ", text)
    text = _PREPROCESSOR.sub(_blank, _TOKEN.sub(_blank, text))
    stack = []  # (kind: scope, function or other; position where the head starts)
    head = 0    # where the text before the next brace begins
    for at, char in enumerate(text):
        if char == ";" or (char == ":" and _ACCESS.search(text[head:at])):
            head = at + 1
        elif char == "{":
            words = text[head:at].strip()
            if any(kind != "scope" for kind, _ in stack):
                kind = "other"
            elif _SCOPE.match(words):
                kind = "scope"
            else:
                kind = "function" if "(" in words and not words.endswith("=") else "other"
            stack.append((kind, at - len(text[head:at].lstrip())))
            head = at + 1
        elif char == "}" and stack:
            kind, start = stack.pop()
            if kind == "function":
                yield text.count("\n", 0, start) + 1, text.count("\n", start, at) + 1
            head = at + 1
