"""What the rules need to know of a C++ file: its text without comments and literals, and its blocks."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^(\s"\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def code_only(text):
    """The same text with the insides of comments, strings and characters blanked out; lines stay."""

    def blank(match):
        token = match.group(0)
        inside = re.sub(r'[^\n]', ' ', token)
        return '"' + inside[1:-1] + '"' if token[-1] == '"' else inside

    return _TOKEN.sub(blank, text)


def line_of(text, at):
    return text.count('\n', 0, at) + 1


def matching(code, at):
    """The index of the bracket that closes the one at `at`; the end of the text when none does."""
    closes = {'(': ')', '[': ']', '{': '}'}[code[at]]
    depth = 0
    for i in range(at, len(code)):
        if code[i] == code[at]:
            depth += 1
        elif code[i] == closes:
            depth -= 1
            if depth == 0:
                return i
    return len(code) - 1


@dataclass
class Function:
    name: str
    first_line: int
    lines: int


_CONTAINER = re.compile(r'^(?:\[\[.*?\]\]\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b')
_TEMPLATE = re.compile(r'^template\s*<')
_INITIALISERS = re.compile(r'\)\s*(?:noexcept\s*)?:[^:]')
_NAME = re.compile(r'([~\w:]+(?:\s*operator\s*\S+?)?)\s*\(')


def _without_template(head):
    while _TEMPLATE.match(head):
        depth = 0
        for i, c in enumerate(head):
            depth += (c == '<') - (c == '>')
            if c == '>' and depth == 0:
                head = head[i + 1:].lstrip()
                break
        else:
            return head
    return head


def functions(code):
    """Every function with a body, not those inside of functions."""
    code = re.sub(r'(?m)^[ \t]*#(?:[^\n\\]|\\\n|\\.)*', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), code)
    found = []
    start = i = 0
    while i < len(code):
        c = code[i]
        if c in ';}' or (c == ':' and re.search(r'(?:public|private|protected)\s*$', code[start:i])):
            start = i + 1
        elif c == '(':
            i = matching(code, i)
        elif c == '{':
            raw = code[start:i]
            head = _without_template(raw.strip())
            before = raw.rstrip()[-1:]
            if '(' not in head or _CONTAINER.match(head):
                if head and not _CONTAINER.match(head):  # braces of an initialiser
                    i = matching(code, i)
                else:
                    start = i + 1
            elif _INITIALISERS.search(head) and (before.isalnum() or before in '_>'):
                i = matching(code, i)  # a_{1} before the body
            else:
                end = matching(code, i)
                first = line_of(code, start + len(raw) - len(raw.lstrip()))
                name = _NAME.search(head)
                found.append(Function(name.group(1) if name else '?', first, line_of(code, end) - first + 1))
                i = end
                start = end + 1
        i += 1
    return found
