#!/usr/bin/env python3
"""Writes rotation.json: the test vectors of docs/rotation.md.

This is a second implementation of the rules [R1] to [R17], written from the specification and
without the Rust code. It needs Python 3.9 and its standard library.

    rotation.py           writes rotation.json beside this file
    rotation.py --check   fails if rotation.json differs from what the rules say
"""

import base64
import copy
import hashlib
import hmac
import ipaddress
import json
import pathlib
import sys

SECOND = 1_000_000  # all times are microseconds since 1970
MINUTE = 60 * SECOND
MAX_USED_TOKENS = 8
USED_TOKEN_RETENTION = 60 * SECOND
MAX_FOREIGN_GRACES = 3
RECENT_USE = 2 * MINUTE

START = 1_700_000_000_123_457  # with a fraction, to find stores that round
GRACE = 10 * SECOND
IDLE = 3_600 * SECOND
ABSOLUTE = 10_000 * SECOND

HOME = {"address": "192.0.2.10", "user_agent": "Browser/1.0"}
SAME_NETWORK = {"address": "192.0.2.250", "user_agent": "Browser/1.0"}
MAPPED = {"address": "::ffff:192.0.2.77", "user_agent": "Browser/1.0"}  # an IPv4 address in IPv6 notation
OTHER_BROWSER = {"address": "192.0.2.10", "user_agent": "Browser/2.0"}
ELSEWHERE = {"address": "198.51.100.7", "user_agent": "Browser/1.0"}
THIRD_PLACE = {"address": "203.0.113.7", "user_agent": "Browser/1.0"}
NO_ADDRESS = {"address": None, "user_agent": "Browser/1.0"}
UNKNOWN = {"address": None, "user_agent": None}
V6 = {"address": "2001:db8:1:1::1", "user_agent": "Browser/1.0"}
V6_SAME_NETWORK = {"address": "2001:db8:1:ffff::2", "user_agent": "Browser/1.0"}
V6_ELSEWHERE = {"address": "2001:db8:2::1", "user_agent": "Browser/1.0"}


# [R2] Ids and digests


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def successor(seed, token_id):
    return encoded(hmac.new(seed, token_id.encode(), hashlib.sha256).digest())


def digest(token_id):
    return hashlib.sha256(token_id.encode()).hexdigest()


# [R13] Clients


def network(client):
    if client["address"] is None:
        return None
    address = ipaddress.ip_address(client["address"])
    address = getattr(address, "ipv4_mapped", None) or address
    return ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)


def compare(client, rotated_by):
    if network(client) != network(rotated_by):
        return "other_network"
    return "same" if client["user_agent"] == rotated_by["user_agent"] else "other_user_agent"


# [R4] to [R17] One use of a token


def in_window(used_at, request):
    grace = request["grace"]
    return grace > 0 and used_at - grace <= request["now"] < used_at + grace


def grace_answer(state, presented, client):
    order = [token for token, _ in state["used"]] + [state["current"]]
    return {
        "verdict": "grace",
        "token": state["current"],
        "steps": len(order) - 1 - order.index(presented),
        "client": client,
        "issued_at": state["rotated_at"],
        "expires_at": state["idle_expires_at"],
    }


def times_of_use(state, time):
    """[R17] The times of use after a use at `time`."""
    last, pending, earlier = (state[f"{name}_used_at"] for name in ("last", "pending", "earlier"))
    old = [used_at for used_at in (last, pending) if time - used_at >= RECENT_USE]
    if old:
        pending, earlier = last, old[0]
    return {"last_used_at": time, "pending_used_at": pending, "earlier_used_at": earlier}


def use_current(state, request, following):
    used, now, grace = state["used"], request["now"], request["grace"]
    if len(used) == MAX_USED_TOKENS and in_window(used[0][1], request):
        return grace_answer(state, request["presented"], "same"), state  # [R8]
    time = max([now] + [used_at for _, used_at in used[-1:]])
    kept = [[token, used_at] for token, used_at in used if now < used_at + grace + USED_TOKEN_RETENTION]
    kept = kept[-(MAX_USED_TOKENS - 1):] + [[state["current"], time]]  # [R9]
    row_ends = not state["foreign_grace_seen"] and now >= state["rotated_at"] + grace + USED_TOKEN_RETENTION
    idle = min(request["idle_expires_at"], state["expires_at"])
    after = {
        "current": following,
        "used": kept,
        "rotated_at": time,
        "rotated_by": request["client"],
        "foreign_graces": 0 if row_ends else state["foreign_graces"],  # [R15]
        "foreign_grace_seen": False,
        "idle_expires_at": idle,
        "expires_at": state["expires_at"],
        **times_of_use(state, time),
    }
    return {"verdict": "rotated", "token": following, "issued_at": time, "expires_at": idle}, after


def use(state, request, following):
    """The answer, and the state after it: None if the session does not exist."""
    if state is None:
        return {"verdict": "unknown"}, None  # [R4]
    now = request["now"]
    if now >= state["idle_expires_at"] or now >= state["expires_at"]:
        return {"verdict": "expired"}, state  # [R5]
    if request["presented"] == state["current"]:
        return use_current(state, request, following)  # [R7]
    used_at = dict(state["used"]).get(request["presented"])
    if used_at is None or not in_window(used_at, request):
        return {"verdict": "reused"}, None  # [R11]
    client = compare(request["client"], state["rotated_by"])
    after = state
    if client == "other_network" and not state["foreign_grace_seen"]:  # [R14]
        graces = state["foreign_graces"] + 1
        if graces >= MAX_FOREIGN_GRACES and request["policy"] == "end_session":
            return {"verdict": "grace_abused"}, None
        after = {**state, "foreign_graces": graces, "foreign_grace_seen": True}
    return grace_answer(state, request["presented"], client), after  # [R10]


# Scenarios


class Scenario:
    """A session and its uses, in order. Times are seconds after START."""

    def __init__(self, name, about, *, client=HOME, grace=GRACE, policy="end_session"):
        self.name, self.about, self.grace, self.policy = name, about, grace, policy
        self.client, self.sessions, self.states, self.steps = client, {}, {}, []
        self.new_session("A", "T", 0)
        self.created = ["A"]

    def new_session(self, session, prefix, seconds):
        seed = hashlib.sha256(f"seed of {self.name} {session}".encode()).digest()
        token_id = encoded(hashlib.sha256(f"first id of {self.name} {session}".encode()).digest())
        tokens = {}
        for number in range(16):
            tokens[f"{prefix}{number}"] = {"id": token_id, "digest": digest(token_id)}
            token_id = successor(seed, token_id)
        stranger = encoded(hashlib.sha256(f"a stranger to {self.name} {session}".encode()).digest())
        tokens[f"{prefix}x"] = {"id": stranger, "digest": digest(stranger)}
        created = START + seconds * SECOND
        self.states[session] = {
            "current": f"{prefix}0",
            "used": [],
            "rotated_at": created,
            "rotated_by": UNKNOWN,
            "foreign_graces": 0,
            "foreign_grace_seen": False,
            "idle_expires_at": created + IDLE,
            "expires_at": created + ABSOLUTE,
            "last_used_at": created,
            "pending_used_at": created,
            "earlier_used_at": created,
        }
        self.sessions[session] = {"seed": seed.hex(), "tokens": tokens, "new": self.states[session]}

    def use(self, seconds, presented, verdict, rules, *, client=None, micros=0, session="A"):
        """Adds a use, and the expected verdict: a mistake in this file fails here."""
        now = START + round(seconds * SECOND) + micros
        request = {
            "presented": presented,
            "now": now,
            "grace": self.grace,
            "idle_expires_at": now + IDLE,
            "policy": self.policy,
            "client": client or self.client,
        }
        before = self.states[session]
        tokens = self.sessions[session]["tokens"]
        following = successor(bytes.fromhex(self.sessions[session]["seed"]), tokens[presented]["id"])
        label = next((name for name, token in tokens.items() if token["id"] == following), None)
        answer, after = use(copy.deepcopy(before), request, label)
        got = f"{answer['verdict']} {answer.get('token', '')} {answer.get('client', '')}".split()
        assert got[: len(verdict.split())] == verdict.split(), f"{self.name}, {presented}: {got} is not {verdict}"
        self.states[session] = after
        self.step("use", session, rules, request=request, before=before, answer=answer, after=after)
        return self

    def replace_all(self, seconds):
        """[R16] A password change: session B replaces all sessions of the user."""
        old, self.states["A"] = self.states["A"], None
        self.new_session("B", "N", seconds)
        new = self.states["B"]
        new["expires_at"] = old["expires_at"]
        new["idle_expires_at"] = min(new["idle_expires_at"], old["expires_at"])
        new.update(times_of_use(old, new["rotated_at"]))
        return self.step("replace_all", "B", ["R16"])

    def delete(self):
        self.states["A"] = None
        return self.step("delete", "A", ["R4"])

    def step(self, kind, session, rules, **fields):
        self.steps.append({"do": kind, "session": session, "rules": rules, **fields})
        return self

    def json(self):
        """The scenario, with only those tokens that its steps name."""
        text = json.dumps(self.steps)
        for session in self.sessions.values():
            first = session["new"]["current"]
            tokens = session["tokens"].items()
            session["tokens"] = {name: token for name, token in tokens if name == first or f'"{name}"' in text}
        return {"name": self.name, "about": self.about, "sessions": self.sessions, "steps": self.steps}


def rotations(scenario, seconds, first, last, *, client=None, rules=("R7",)):
    """Uses the tokens from `first` to before `last`, all at one time."""
    for number in range(first, last):
        scenario.use(seconds, f"T{number}", f"rotated T{number + 1}", list(rules), client=client)
    return scenario


def basics():
    s = Scenario("current_token_rotates", "Each use of the current token makes the next one.")
    yield rotations(rotations(rotations(s, 5, 0, 1), 605, 1, 2), 606, 2, 3)

    s = Scenario("unknown_session", "Tokens of a session that was deleted are unknown, not reused.")
    yield s.use(1, "T0", "rotated T1", ["R7"]).delete().use(2, "T1", "unknown", ["R4"]).use(3, "T0", "unknown", ["R4"])

    s = Scenario("idle_expiry", "At the idle end the session has expired. Reuse is not detected then.")
    s.use(3_599, "T0", "rotated T1", ["R5", "R7"], micros=999_999)
    s.use(7_199, "T1", "expired", ["R5"], micros=999_999).use(7_199, "T0", "expired", ["R5"], micros=999_999)
    yield s.use(7_199, "T1", "rotated T2", ["R5"], micros=999_998)

    s = Scenario("absolute_expiry", "The idle end is never after the absolute end.")
    s.use(3_000, "T0", "rotated T1", ["R7"]).use(6_000, "T1", "rotated T2", ["R7"])
    s.use(9_000, "T2", "rotated T3", ["R7"]).use(9_999, "T3", "rotated T4", ["R7"], micros=999_999)
    s.use(10_000, "T4", "expired", ["R5"])
    yield s.use(10_000, "T3", "expired", ["R5"])

    s = Scenario("stranger", "A token that the session never had ends it.")
    yield s.use(1, "Tx", "reused", ["R11"]).use(2, "T0", "unknown", ["R4"])


def windows():
    s = Scenario("retry_after_a_lost_answer", "A used token yields the current pair again, to the last microsecond.")
    s.use(5, "T0", "rotated T1", ["R7"])
    for seconds, micros in [(5, 0), (6, 0), (14, 999_999), (1, 0)]:
        s.use(seconds, "T0", "grace T1 same", ["R6", "R10"], micros=micros)
    yield s.use(14, "T1", "rotated T2", ["R7"], micros=999_999)

    s = Scenario("end_of_the_window", "At the end of its window a used token ends the session.")
    yield s.use(5, "T0", "rotated T1", ["R7"]).use(15, "T0", "reused", ["R6", "R11"]).use(15, "T1", "unknown", ["R4"])

    s = Scenario("clock_behind", "The window begins as long before the use as it ends after it.")
    yield s.use(30, "T0", "rotated T1", ["R7"]).use(20, "T0", "grace T1 same", ["R6", "R10"])

    s = Scenario("clock_far_behind", "A use further ahead of now than the window is outside the window.")
    yield s.use(30, "T0", "rotated T1", ["R7"]).use(19, "T0", "reused", ["R6", "R11"], micros=999_999)

    s = Scenario("no_window", "Without a grace window every second use ends the session.", grace=0)
    yield s.use(5, "T0", "rotated T1", ["R7"]).use(6, "T1", "rotated T2", ["R7"]).use(6, "T0", "reused", ["R6", "R11"])

    s = Scenario("use_times_never_go_back", "A node whose clock is behind rotates at the time of the use before.")
    s.use(10, "T0", "rotated T1", ["R7"]).use(4, "T1", "rotated T2", ["R7"])
    s.use(19, "T1", "grace T2 same", ["R6", "R10"], micros=999_999).use(20, "T1", "reused", ["R6", "R11"])
    yield s

    s = Scenario("each_token_has_its_own_window", "A later rotation does not lengthen the window of an earlier token.")
    s.use(5, "T0", "rotated T1", ["R7"]).use(12, "T1", "rotated T2", ["R7"])
    s.use(14, "T0", "grace T2 same", ["R6", "R10"], micros=999_999).use(15, "T1", "grace T2 same", ["R6", "R10"])
    yield s.use(15, "T0", "reused", ["R6", "R11"])


def chains():
    s = Scenario("tabs_behind_by_eight_rotations", "Any token used within the window yields the current pair.")
    rotations(s, 5, 0, 8)
    for number in range(8):
        s.use(6, f"T{number}", "grace T8 same", ["R10", "R12"])
    yield s

    s = Scenario("eight_tokens_kept", "With eight tokens inside the window the current one is answered with itself.")
    rotations(s, 5, 0, 8)
    s.use(6, "T8", "grace T8 same", ["R8"]).use(14, "T8", "grace T8 same", ["R8"], micros=999_999, client=ELSEWHERE)
    s.use(14, "T0", "grace T8 same", ["R10"], micros=999_999)
    yield s.use(15, "T8", "rotated T9", ["R7", "R9"]).use(16, "T1", "reused", ["R11"])

    s = Scenario("oldest_token_dropped", "The ninth digest replaces the oldest one, whose window has closed.")
    rotations(rotations(s, 5, 0, 1), 12, 1, 8)
    s.use(14, "T8", "grace T8 same", ["R8"], micros=999_999).use(15, "T8", "rotated T9", ["R9"])
    yield s.use(16, "T1", "grace T9 same", ["R10"]).use(17, "T0", "reused", ["R11"])

    s = Scenario("retention", "A digest is dropped 60 seconds after its window, at the next rotation.")
    s.use(5, "T0", "rotated T1", ["R7"]).use(74, "T1", "rotated T2", ["R9"], micros=999_999)
    yield s.use(75, "T2", "rotated T3", ["R9"]).use(76, "T0", "reused", ["R11"])


def clients():
    s = Scenario("same_network", "Addresses of one IPv4 /24 are one network.")
    s.use(5, "T0", "rotated T1", ["R7"]).use(6, "T0", "grace T1 same", ["R13"], client=SAME_NETWORK)
    yield s.use(7, "T0", "grace T1 same", ["R13"], client=MAPPED)

    s = Scenario("ipv6_networks", "Addresses of one IPv6 /48 are one network; IPv4 and IPv6 never are.", client=V6)
    s.use(5, "T0", "rotated T1", ["R7"]).use(6, "T0", "grace T1 same", ["R13"], client=V6_SAME_NETWORK)
    s.use(7, "T0", "grace T1 other_network", ["R13", "R14"], client=V6_ELSEWHERE)
    yield s.use(8, "T0", "grace T1 other_network", ["R13", "R14"], client=HOME)

    s = Scenario("other_user_agent", "Another user agent in the same network is reported, not counted.")
    s.use(5, "T0", "rotated T1", ["R7"]).use(6, "T0", "grace T1 other_user_agent", ["R13"], client=OTHER_BROWSER)
    yield s.use(7, "T0", "grace T1 other_network", ["R13", "R14"], client=NO_ADDRESS)

    s = Scenario("unknown_addresses", "Two unknown addresses are one network: the application has no addresses.", client=UNKNOWN)
    s.use(5, "T0", "rotated T1", ["R7"]).use(6, "T0", "grace T1 same", ["R13"])
    s.use(7, "T0", "grace T1 other_user_agent", ["R13"], client=NO_ADDRESS)
    yield s.use(8, "T0", "grace T1 other_network", ["R13", "R14"], client=HOME)

    s = Scenario("rotating_client_counts", "A grace answer is compared with the latest rotation, not with the login.")
    s.use(5, "T0", "rotated T1", ["R7"], client=ELSEWHERE).use(6, "T0", "grace T1 same", ["R13"], client=ELSEWHERE)
    yield s.use(7, "T0", "grace T1 other_network", ["R13", "R14"])


def thieves():
    def followed(s, number, seconds, verdict, client=ELSEWHERE):
        s.use(seconds, f"T{number}", f"rotated T{number + 1}", ["R7"])
        return s.use(seconds + 2, f"T{number}", verdict, ["R14"], client=client)

    s = Scenario("third_foreign_grace_ends_the_session", "A thief who follows the owner is stopped at the third rotation.")
    followed(s, 0, 0, "grace T1 other_network")
    followed(s, 1, 900, "grace T2 other_network", THIRD_PLACE)
    followed(s, 2, 1_800, "grace_abused")
    yield s.use(1_803, "T3", "unknown", ["R4"])

    s = Scenario("foreign_graces_count_once_a_rotation", "Further grace answers after one rotation are reported, not counted.")
    followed(s, 0, 0, "grace T1 other_network")
    for seconds, client in [(3, ELSEWHERE), (4, THIRD_PLACE), (5, NO_ADDRESS)]:
        s.use(seconds, "T0", "grace T1 other_network", ["R14"], client=client)
    followed(s, 1, 900, "grace T2 other_network")
    yield s.use(905, "T1", "grace T2 other_network", ["R14"], client=ELSEWHERE)

    s = Scenario("quiet_rotation_ends_the_row", "A rotation that no foreign client followed starts the count again.")
    followed(s, 0, 0, "grace T1 other_network")
    followed(s, 1, 900, "grace T2 other_network")
    s.use(1_800, "T2", "rotated T3", ["R15"]).use(2_700, "T3", "rotated T4", ["R15"])
    followed(s, 4, 3_600, "grace T5 other_network")
    yield followed(s, 5, 4_500, "grace T6 other_network")

    s = Scenario("second_tab_does_not_end_the_row", "A rotation that is replaced at once does not start the count again.")
    for cycle, verdict in enumerate(["grace T2 other_network", "grace T4 other_network", "grace_abused"]):
        rotations(s, 900 * cycle, 2 * cycle, 2 * cycle + 2, rules=("R15",))
        s.use(900 * cycle + 2, f"T{2 * cycle}", verdict, ["R14", "R15"], client=ELSEWHERE)
    yield s

    s = Scenario("thief_cannot_end_the_row", "A thief who rotates twice at once does not start the count again.")
    s.use(0, "T0", "rotated T1", ["R7"]).use(1, "T0", "grace T1 other_network", ["R14"], client=ELSEWHERE)
    rotations(s, 2, 1, 3, client=ELSEWHERE, rules=("R15",))
    s.use(3, "T0", "grace T3 other_network", ["R14"]).use(900, "T3", "rotated T4", ["R15"])
    yield s.use(901, "T3", "grace_abused", ["R14"], client=ELSEWHERE)

    s = Scenario("row_ends_after_the_retention", "The row ends 60 seconds after the window of a rotation, not before.")
    followed(s, 0, 0, "grace T1 other_network")
    s.use(100, "T1", "rotated T2", ["R15"]).use(169, "T2", "rotated T3", ["R15"], micros=999_999)
    yield s.use(239, "T3", "rotated T4", ["R15"], micros=999_999)

    s = Scenario("report_policy", "Under the policy `report` foreign clients are counted and never end the session.", policy="report")
    for number in range(5):
        followed(s, number, 900 * number, f"grace T{number + 1} other_network")
    yield s

    s = Scenario("policy_changed_to_end_session", "A count beyond three ends the session at the next counted answer.", policy="report")
    for number in range(4):
        followed(s, number, 900 * number, f"grace T{number + 1} other_network")
    s.policy = "end_session"
    s.use(2_703, "T3", "grace T4 other_network", ["R14"], client=ELSEWHERE)
    yield followed(s, 4, 3_600, "grace_abused")

    s = Scenario("stolen_token_used_first", "If the thief rotates first, the owner's use outside the window ends both.")
    s.use(0, "T0", "rotated T1", ["R7"], client=ELSEWHERE).use(900, "T0", "reused", ["R11"])
    yield s.use(901, "T1", "unknown", ["R4"], client=ELSEWHERE)


def password_changes():
    s = Scenario("password_change", "Older tokens are unknown after a password change, and end nothing.")
    s.use(5, "T0", "rotated T1", ["R7"]).replace_all(10)
    for token in ["T1", "T0", "Tx", "T1"]:
        s.use(11, token, "unknown", ["R4", "R16"], client=ELSEWHERE)
    s.use(12, "N0", "rotated N1", ["R16"], session="B").use(13, "T1", "unknown", ["R16"])
    yield s.use(14, "N1", "rotated N2", ["R16"], session="B")

    s = Scenario("late_password_change", "The new session has the absolute end and the times of use of the old one.")
    s.use(3_500, "T0", "rotated T1", ["R7"]).use(7_000, "T1", "rotated T2", ["R7"]).replace_all(7_100)
    yield s.use(9_999, "N0", "rotated N1", ["R16"], session="B").use(10_000, "N1", "expired", ["R16"], session="B")


def uses():
    s = Scenario("grace_moves_no_time", "A grace answer moves neither the latest use nor the idle end.")
    s.use(5, "T0", "rotated T1", ["R7"]).use(9, "T0", "grace T1 same", ["R10"]).use(10, "T0", "grace T1 same", ["R10"])
    yield s.use(3_605, "T1", "expired", ["R5", "R10"])

    s = Scenario("pending_use", "A session that is used every 119 seconds keeps a use that is two minutes old.")
    for number in range(6):
        s.use(119 * (number + 1), f"T{number}", f"rotated T{number + 1}", ["R17"])
    yield s

    s = Scenario("earlier_use", "The use before the latest is kept if it was two minutes old.")
    s.use(119, "T0", "rotated T1", ["R17"], micros=999_999).use(200, "T1", "rotated T2", ["R17"])
    s.use(320, "T2", "rotated T3", ["R17"]).use(330, "T3", "rotated T4", ["R17"])
    yield s.use(450, "T4", "rotated T5", ["R17"])


def document():
    groups = [basics, windows, chains, clients, thieves, password_changes, uses]
    scenarios = [scenario.json() for group in groups for scenario in group()]
    return {
        "about": "Test vectors for docs/rotation.md. Times and spans are microseconds, seeds and digests hexadecimal.",
        "license": "MIT OR Apache-2.0",
        "version": 1,
        "constants": {
            "max_used_tokens": MAX_USED_TOKENS,
            "used_token_retention": USED_TOKEN_RETENTION,
            "max_foreign_graces": MAX_FOREIGN_GRACES,
            "recent_use": RECENT_USE,
        },
        "scenarios": scenarios,
    }


def lines(value, depth=0):
    """JSON with one line for each value that fits into 150 characters."""
    flat, indent = json.dumps(value), " " * depth
    if len(flat) + depth <= 150 or not isinstance(value, (dict, list)):
        return flat
    if isinstance(value, list):
        inner = [f"{indent} {lines(item, depth + 1)}" for item in value]
        return "[\n" + ",\n".join(inner) + f"\n{indent}]"
    inner = [f"{indent} {json.dumps(key)}: {lines(item, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(inner) + f"\n{indent}}}"


def main():
    path = pathlib.Path(__file__).with_name("rotation.json")
    text = lines(document()) + "\n"
    assert json.loads(text) == document()
    if "--check" not in sys.argv[1:]:
        path.write_text(text)
    elif path.read_text() != text:
        sys.exit(f"{path}: differs from what the rules say; run {__file__}")


if __name__ == "__main__":
    main()
