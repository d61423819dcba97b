"""Chat templates: whether a Jinja template stays within what templates of conversations need. Nothing is rendered.

What is allowed is a list; anything else is reported. A template runs on the host of the server, and not every server
renders it in a sandbox (CVE-2024-34359).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.values import EmbeddedCode

MOST_TEMPLATE = 1024 * 1024
"""Characters that are judged; a longer one is reported."""
MOST_NUMBER = 1_000_000
"""The largest number that a template may name: a larger one in a loop or a repetition exhausts the server."""

_TAGS = frozenset(
    """if elif else endif for endfor set endset macro endmacro call endcall filter endfilter raw endraw break continue
    with endwith generation endgeneration do""".split()  # noqa: SIM905 - a list of words reads better
)
_METHODS = frozenset(
    """append capitalize copy count endswith extend find get index insert isalpha isdigit isnumeric isspace items join
    keys length lower lstrip pop removeprefix removesuffix replace reverse rfind rsplit rstrip sort split splitlines
    startswith strip title update upper values cycle changed""".split()  # noqa: SIM905
)
_FUNCTIONS = frozenset("range dict namespace raise_exception strftime_now cycler joiner caller loop".split())  # noqa: SIM905
_FILTERS = frozenset(
    """abs batch capitalize center count d default dictsort e escape first float forceescape format from_json fromjson
    groupby indent int items join last length list lower lstrip map max min pprint random reject rejectattr replace
    reverse round rstrip safe select selectattr slice sort string striptags strip sum title tojson trim truncate unique
    upper urlencode wordcount xmlattr""".split()  # noqa: SIM905
)
_BLOCK = re.compile(
    r"\{#.*?(?:#\}|\Z)|\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}|(\{%|\{\{)[-+]?", re.DOTALL
)
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d]\w*)|(?P<end>[-+]?%\}|-?\}\})|(?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%~|.,:;()\[\]{}<>=])""",
    re.VERBOSE | re.DOTALL,
)
_Token = tuple[str, str]


def judge(template: str, member: str) -> tuple[EmbeddedCode, ...]:
    """What a template asks for that templates don't need, each once."""
    if not template:
        return ()
    if len(template) > MOST_TEMPLATE:
        details = [say("it is longer than {count} characters", count=MOST_TEMPLATE)]
    else:
        details = list(dict.fromkeys(_problems(template)))
    name = "chat_template"
    return tuple(EmbeddedCode(member=member, kind="chat-template", name=name, detail=each) for each in details[:10])


def _problems(template: str) -> Iterator[str]:
    at = 0
    macros = set(re.findall(r"\{%[-+]?\s*macro\s+([^\W\d]\w*)", template))
    while match := _BLOCK.search(template, at):
        at = match.end()
        if match[1] is None:
            continue
        tokens: list[_Token] = []
        closing = ("%}",) if match[1] == "{%" else ("}}",)
        depth = 0
        while True:
            token = _TOKEN.match(template, at)
            if token is None:
                yield say("it cannot be read at character {at}", at=at)
                return
            kind, text = token.lastgroup or "", token[0]
            # A dictionary's closing brace before the block's own: `}}}` and `{{ {"a": {}} }}`.
            if kind == "end" and text.endswith("}}") and depth > 0:
                text = "}" if text == "}}" else text[0]
                kind = "sign"
            at += len(text)
            depth += (text == "{") - (text == "}") if kind == "sign" else 0
            if kind == "end":
                if not text.endswith(closing):
                    yield say("it cannot be read at character {at}", at=at)
                    return
                break
            if kind != "space":
                tokens.append((kind, text))
        yield from _statement(tokens, macros, tag=match[1] == "{%")


def _statement(tokens: list[_Token], macros: set[str], *, tag: bool) -> Iterator[str]:
    if tag and tokens and tokens[0][1] not in _TAGS:
        yield say("it uses the statement {name}", name=repr(tokens[0][1])[:100])
    names = [text for kind, text in tokens if kind == "name"]
    if tag and names[:1] == ["filter"] and len(names) > 1 and names[1] not in _FILTERS:
        yield say("it uses the filter {name}", name=repr(names[1])[:100])
    subscripts: list[str] = []
    for index, (kind, text) in enumerate(tokens):
        before = tokens[index - 1] if index else ("", "")
        after = tokens[index + 1] if index + 1 < len(tokens) else ("", "")
        if kind == "text":
            yield from _literal(text)
        elif kind == "number" and _is_large(text):
            yield say("it names the number {number}", number=text[:30])
        elif kind == "name":
            yield from _name(text, before, after, macros, first=tag and index == 0, second=tag and index == 1)
        elif text == "**":
            yield say("it raises to a power")
        elif text in "([{":
            indexes = text == "[" and (before[0] in ("name", "text") or before[1] in (")", "]"))
            subscripts.append("[" if indexes and before[1] not in ("in", "not", "or", "and", "else", "if") else "(")
        elif text in ")]}" and subscripts:
            subscripts.pop()
        # An attribute's name put together from pieces is how filters for bad words are passed.
        elif text in "~+" and subscripts[-1:] == ["["] and "text" in (before[0], after[0]):
            yield say("it puts the name of an attribute together")


def _name(text: str, before: _Token, after: _Token, macros: set[str], *, first: bool, second: bool) -> Iterator[str]:
    if text.startswith("_") and text != "_":
        yield say("it reaches for {name!r}", name=text[:100])
    elif before[1] == "|" and text not in _FILTERS:
        yield say("it uses the filter {name}", name=repr(text)[:100])
    elif after[1] != "(" or before[1] == "|" or first:
        return
    elif before[1] == ".":
        if text not in _METHODS:
            yield say("it calls the method {name}", name=repr(text)[:100])
    elif before[1] != "is" and not second and text not in _FUNCTIONS | macros | _WORDS:
        yield say("it calls {name}", name=repr(text)[:100])


_WORDS = frozenset({"in", "not", "and", "or", "if", "else", "elif", "is", "for", "set", "call", "recursive"})


def _literal(text: str) -> Iterator[str]:
    body = text[1:-1]
    if "\\" in body:
        try:
            body = body.encode("ascii", "backslashreplace").decode("unicode_escape")
        except (UnicodeDecodeError, ValueError):
            yield say("it has a text that cannot be read")
            return
    stripped = body.strip()
    dunder = re.search(r"__[a-z]+__|(?<![\w])_{1,2}(?:class|globals|builtins|import|subclasses|mro|init)", stripped)
    if dunder or (stripped and set(stripped) == {"_"} and len(stripped) <= 2):
        yield say("it has the text {text!r}", text=stripped[:100])


def _is_large(text: str) -> bool:
    try:
        return float(text.replace("_", "")) > MOST_NUMBER
    except ValueError:
        return True
