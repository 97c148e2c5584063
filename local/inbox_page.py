"""The inbox page: one document without anything from elsewhere. Its policy lets no script run but its own."""

import base64
import hashlib
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent / "inbox_page_files"
_STYLE = (_FOLDER / "inbox.css").read_text(encoding="utf-8")
_SCRIPT = (_FOLDER / "inbox.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HTML = (_FOLDER / "inbox.html").read_text(encoding="utf-8").replace("{{style}}", _STYLE).replace("{{script}}", _SCRIPT).encode()

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
