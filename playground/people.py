"""Who a visitor is to this page, and how much they may have: roles and quotas.

A quota has two counts. One is the visit's; a visit is a random token, and whoever drops it is a new one.
So what a visit uses counts for its network address too, with a larger allowance, because a school or a
household shares one. A day begins with the first use and lasts 24 hours.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone

from playground.errors import PlaygroundError

DAY_S = 24 * 3600.0
REMEMBERED = 10_000  # visits, and as many addresses, whose use is known


@dataclass(frozen=True)
class Person:
    """`visit` is whom the fair queues serve (a browser tab, a session of the API), `address` where it comes from,
    `role` own, teacher or guest."""

    visit: str
    address: str = ""
    role: str = "guest"

    @property
    def is_guest(self) -> bool:
        """Whether quotas hold and models are not theirs to load."""
        return self.role == "guest"


@dataclass(frozen=True)
class Limits:
    """How much one may have: runs at once that compute and that wait, tokens and computing seconds in a day; 0: any."""

    running: int = 0
    queued: int = 0
    tokens: int = 0
    seconds: int = 0

    def but(self, text: str) -> "Limits":
        """These limits with those that `text` names: "running=1,tokens=20000".

        Raises:
            PlaygroundError: it names something else.
        """
        names = [field.name for field in fields(self)]
        values: dict[str, int] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = (piece.strip() for piece in part.partition("="))
            if name not in names or not number.isdigit():
                raise PlaygroundError(
                    f"A quota is written like running=1,queued=2,tokens=20000,seconds=1800 (0: no limit), got {part!r}."
                )
            values[name] = int(number)
        return replace(self, **values)


VISIT = {
    "own": Limits(),
    "class": Limits(running=2, queued=4),
    "public": Limits(running=1, queued=2, tokens=20_000, seconds=1_800),
}
ADDRESS = {
    "own": Limits(),
    "class": Limits(),  # a class may share one
    "public": Limits(running=4, queued=8, tokens=100_000, seconds=9_000),
}


@dataclass
class _Account:
    """What a visit or an address has used since its day began, and how many runs it has now."""

    since: float
    address: str = ""
    runs: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Quotas:
    """Counts what guests use, and says when it is enough."""

    def __init__(
        self, visit: Limits | None = None, address: Limits | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.visit, self.address, self._clock = visit or Limits(), address or Limits(), clock
        self._visits: OrderedDict[str, _Account] = OrderedDict()
        self._addresses: OrderedDict[str, _Account] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, person: Person) -> None:
        """Raise what `reached` says.

        Raises:
            PlaygroundError: the day's tokens or seconds are used up.
        """
        sentence = self.reached(person)
        if sentence:
            raise PlaygroundError(sentence)

    def reached(self, person: Person) -> str | None:
        """A sentence, where the day's tokens or seconds of a guest are used up."""
        if not person.is_guest:
            return None
        with self._lock:
            for account, limits, whose in self._accounts(person):
                for used, most, what in (
                    (account.tokens, limits.tokens, "tokens"),
                    (account.seconds, limits.seconds, "seconds of computing"),
                ):
                    if most and used >= most:
                        return f"The {most:,} {what} a day that {whose} may have are used up. {self._renewal(account)}"
        return None

    def enter(self, person: Person) -> None:
        """One more run, which may compute or wait; `leave` follows.

        Raises:
            PlaygroundError: there are as many as there may be.
        """
        if not person.is_guest:
            return
        with self._lock:
            accounts = self._accounts(person)
            for account, limits, whose in accounts:
                most = limits.running + limits.queued
                if limits.running and account.runs >= most:
                    raise PlaygroundError(
                        f"There are {account.runs} runs already, as many as {whose} may have at once ({limits.running} "
                        f"computing, {limits.queued} waiting): stop one, or try again when one has ended."
                    )
            for account, _, _ in accounts:
                account.runs += 1

    def leave(self, person: Person) -> None:
        """A run that had entered is over."""
        if person.is_guest:
            with self._lock:
                for account, _, _ in self._accounts(person):
                    account.runs = max(0, account.runs - 1)

    def wrote(self, person: Person, tokens: int) -> None:
        """Count tokens."""
        if person.is_guest:
            with self._lock:
                for account, _, _ in self._accounts(person):
                    account.tokens += tokens

    def spent(self, visit: str, seconds: float) -> None:
        """Count computing time of a visit that has a run."""
        with self._lock:
            account = self._visits.get(visit)
            if account is not None:
                account.seconds += seconds
                if account.address in self._addresses:
                    self._addresses[account.address].seconds += seconds

    def may_run(self, visit: str, running: Sequence[str]) -> bool:
        """Whether a visit may compute beside those that do (a visit is named once for each of its runs)."""
        with self._lock:
            account = self._visits.get(visit)
            if account is None:  # nobody whose use is counted
                return True
            near = [self._visits[name].address for name in running if name in self._visits]
            return not (self.visit.running and list(running).count(visit) >= self.visit.running) and not (
                self.address.running and near.count(account.address) >= self.address.running
            )

    def _accounts(self, person: Person) -> list[tuple[_Account, Limits, str]]:
        visit = self._account(self._visits, person.visit)
        visit.address = person.address
        return [
            (visit, self.visit, "one visit"),
            (self._account(self._addresses, person.address), self.address, "one network address"),
        ]

    def _account(self, accounts: OrderedDict[str, _Account], name: str) -> _Account:
        now = self._clock()
        account = accounts.get(name)
        if account is None:
            while len(accounts) >= REMEMBERED:
                idle = next((key for key, old in accounts.items() if not old.runs), next(iter(accounts)))
                del accounts[idle]
            account = accounts[name] = _Account(now)
        elif now - account.since >= DAY_S:
            account.since, account.tokens, account.seconds = now, 0, 0.0
        accounts.move_to_end(name)
        return account

    def _renewal(self, account: _Account) -> str:
        at = account.since + DAY_S
        minutes = max(1, round((at - self._clock()) / 60))
        wait = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
        when = datetime.fromtimestamp(at, timezone.utc)
        return f"They are renewed at {when:%H:%M} UTC, in {wait}. On a computer of your own there is no limit."
