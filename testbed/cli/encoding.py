"""Output on terminals that know fewer characters: what a stream cannot encode is written in characters that it can."""

import codecs
from typing import TextIO

_PLAIN = {
    "…": "...",
    "·": "*",
    "±": "+-",
    "×": "x",
    "−": "-",
    "–": "-",
    "—": "-",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "√": "sqrt",
    "∞": "inf",
    "²": "^2",
    "³": "^3",
    "µ": "u",
    "μ": "mu",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "ε": "epsilon",
    "κ": "kappa",
    "λ": "lambda",
    "ρ": "rho",
    "σ": "sigma",
    "Δ": "Delta",
    "Σ": "sum",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}
HANDLER = "testbed.plain"
_BYTES_BEGIN, _BYTES_END = 0xDC80, 0xDCFF  # a file name's bytes that are no text (PEP 383)


def tolerate(stream: TextIO) -> None:
    """Let ``stream`` write every text; one that cannot be told so stays as it is."""
    codecs.register_error(HANDLER, _replaced)
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=HANDLER)


def ascii_json(text: str, stream: TextIO) -> str:
    """The JSON document ``text``, with escapes instead of letters unless ``stream`` writes UTF-8, as JSON should be."""
    encoding = codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name
    if encoding == "utf-8":
        return text
    return "".join(letter if letter < "\x80" else _escaped(letter) for letter in text)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(
        _PLAIN.get(letter) or _backslashed(letter) for letter in error.object[error.start : error.end]
    ), error.end


def _backslashed(letter: str) -> str:
    code = ord(letter)
    if _BYTES_BEGIN <= code <= _BYTES_END:
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("ascii", "backslashreplace").decode("ascii")


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
