"""Who may come in, and as what: the class code, the teacher's code, and how wrong ones are slowed.

Who entered a code gets a cookie: role, end, and a signature (HMAC-SHA256) under a key made from that
code (scrypt), so that nothing has to be stored and another code makes every old cookie worthless.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from playground.errors import PlaygroundError
from playground.people import Person
from playground.ui.guard import address_of

COOKIE = "playground-pass"
HEADER = "x-class-code"
LASTS_S = 12 * 3600
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
LEAST = {"class code": 4, "teacher code": 6}
FREE_TRIES, LONGEST_PAUSE_S, FORGET_S, REMEMBERED = 3, 60.0, 900.0, 4096


class Refused(PlaygroundError):
    """A code that does not open: an HTTP status and, where it is a matter of time, the seconds to wait."""

    def __init__(self, status: int, sentence: str, wait_s: int = 0) -> None:
        super().__init__(sentence)
        self.status, self.wait_s = status, wait_s


def readable_code(letters: int) -> str:
    """A random code in groups of three, about 5 bits a letter: "k7m-2xp"."""
    drawn = "".join(secrets.choice(LETTERS) for _ in range(letters))
    return "-".join(drawn[i : i + 3] for i in range(0, letters, 3))


def plain(code: str) -> str:
    """What counts in a code: not its case, blanks or dashes."""
    return "".join(code.lower().replace("-", "").split())


def check_codes(class_code: str, teacher_code: str) -> None:
    """Refuse codes that are no use.

    Raises:
        PlaygroundError: too short, or the same twice.
    """
    for name, code in (("class code", class_code), ("teacher code", teacher_code)):
        if code and len(plain(code)) < LEAST[name]:
            raise PlaygroundError(f"The {name} needs at least {LEAST[name]} letters or digits, got {len(plain(code))}.")
    if class_code and plain(class_code) == plain(teacher_code):
        raise PlaygroundError("The class code and the teacher code are the same: choose two.")


@dataclass
class _Failures:
    count: int = 0
    at: float = 0.0


class Door:
    """Says what a request may be: own, teacher, guest, or nothing yet ("")."""

    def __init__(
        self,
        audience: str = "own",
        class_code: str = "",
        teacher_code: str = "",
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        check_codes(class_code, teacher_code)
        self.audience, self._clock, self._now = audience, clock, now
        codes = {} if audience == "own" else {"teacher": plain(teacher_code), "guest": plain(class_code)}
        self._codes = {role: hashlib.sha256(code.encode()).digest() for role, code in codes.items() if code}
        self._keys = {
            role: hashlib.scrypt(code.encode(), salt=f"playground {role}".encode(), n=1 << 14, r=8, p=1)
            for role, code in codes.items()
            if code
        }
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    @property
    def locked(self) -> bool:
        """Whether nobody comes in without a code."""
        return "guest" in self._codes

    @property
    def has_codes(self) -> bool:
        """Whether there is anything to enter."""
        return bool(self._codes)

    # ── who somebody is ──────────────────────────────────────────────────────

    def role(self, headers: Mapping[str, str]) -> str:
        """The role that a cookie says, or a code in a header; the latter is slowed in `enter`, not here."""
        if self.audience == "own":
            return "own"
        said = self._role_of_cookie(headers.get("cookie", "")) or self._role_of_code(headers.get(HEADER, ""))
        return said or ("" if self.locked else "guest")

    def person(self, request: Any, visit: str) -> Person:
        """Who is behind a Gradio request."""
        headers = dict(request.headers)
        address = address_of(headers, request.client.host if request.client else "", wide=self.audience == "public")
        return Person(visit, address, self.role(headers) or "guest")

    def may_change(self, request: Any) -> bool:
        """Whether models are this request's to load and unload."""
        return self.role(dict(request.headers)) in ("own", "teacher")

    def _role_of_code(self, code: str) -> str:
        given = hashlib.sha256(plain(code).encode()).digest()
        right = [role for role, digest in self._codes.items() if hmac.compare_digest(given, digest)]
        return right[0] if right else ""

    def _role_of_cookie(self, cookies: str) -> str:
        try:
            morsel = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            return ""
        role, _, rest = (morsel.value if morsel else "").partition(".")
        ends, _, signature = rest.partition(".")
        if role not in self._keys or not ends.isdecimal() or len(ends) > 12:
            return ""
        good = hmac.compare_digest(self._sign(role, ends), signature.encode("utf-8", "replace"))
        return role if good and int(ends) > self._now() else ""

    def _sign(self, role: str, ends: str) -> bytes:
        return hmac.new(self._keys[role], f"{role}.{ends}".encode(), hashlib.sha256).hexdigest().encode()

    # ── coming in ────────────────────────────────────────────────────────────

    def enter(self, code: str, address: str) -> str:
        """The role that a code gives, tried from that address.

        Raises:
            Refused: it is wrong, or there were too many wrong ones a moment ago.
        """
        failures = self._failures.get(address) or _Failures()
        since = self._clock() - failures.at
        if since >= FORGET_S:
            failures = _Failures()
        over = failures.count - FREE_TRIES
        pause = min(LONGEST_PAUSE_S, 2.0**over) if over >= 0 else 0.0
        if since < pause:
            wait = max(1, round(pause - since))
            raise Refused(429, f"Too many wrong codes came from your address: try again in {wait} s.", wait)
        role = self._role_of_code(code)
        if role:  # the failures stay: a student who knows one code could else guess the other for ever
            return role
        self._failures[address] = _Failures(failures.count + 1, self._clock())
        self._failures.move_to_end(address)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        raise Refused(401, "That is not the code: it stands where your teacher started the page.")

    def cookie(self, role: str, secure: bool) -> str:
        """The Set-Cookie header for a role; the teacher's ends with the browser."""
        ends = str(int(self._now()) + LASTS_S)
        lasts = "" if role == "teacher" else f"; Max-Age={LASTS_S}"
        value = f"{role}.{ends}.{self._sign(role, ends).decode()}"
        return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{lasts}{'; Secure' if secure else ''}"
