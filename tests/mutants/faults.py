"""The list of faults: at least one for each promise marked in the security design and for each rule of the domain."""

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent


class Fault(NamedTuple):
    """`old` occurs exactly once in `file`, and becomes `new`. `tests`: pytest's arguments, the cheapest test first.

    `breaks`: the promise or the rule. Without a ``-k`` of its own, tests on PostgreSQL are left out.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    tests: str

    @property
    def is_stale(self) -> bool:
        """Whether the code has changed so that the fault can't be planted."""
        file = ROOT / self.file
        return not file.is_file() or file.read_text(encoding="utf-8").count(self.old) != 1


OWN = "tests/contract/test_native_own.py"
PAGES = "tests/contract/test_pages_security.py"
PUBLIC_URL = "tests/contract/test_public_url.py"
MATRIX = "tests/contract/test_access_matrix.py"
IDENTITY = "tests/unit/domain/test_identity.py"
POLICY = "tests/unit/domain/test_policy.py"
SECRETS = "tests/unit/domain/test_secrets.py"
TOKENS = "tests/unit/domain/test_tokens.py"
LADDER = "tests/unit/domain/test_ladder.py"
MADE_WITH = "tests/unit/services/test_ladder.py"
SESSIONS_ON_PAGES = "tests/contract/test_pages_sessions.py -k asked_again"
GATE = "tests/unit/gate/test_gate.py"
CREDENTIALS = "tests/unit/http/test_credentials.py"
PROXIES = "tests/unit/http/test_proxies.py"
ROUTES = "tests/unit/http/test_guards.py"
EDGE = "tests/functional/test_http_edge.py"
HOSTS = "tests/unit/http/test_hosts.py"
DEPLOYED = "tests/unit/test_deploy.py"
ACCOUNTS = "tests/unit/services/test_accounts.py"
AUDIT = "tests/unit/services/test_audit.py"
CHECK_COUNTS = "tests/unit/services/test_check_counts.py"
ENVIRONMENT = "tests/unit/config/test_environment.py"
EXPIRING = "tests/unit/services/test_expiring.py"
ISSUING = "tests/unit/services/test_issuing.py"
PASSWORDS = "tests/unit/services/test_passwords.py"
REISSUING = "tests/unit/services/test_reissuing.py"
REPEATS = "tests/unit/services/test_repeats.py"
REVOKING = "tests/unit/services/test_revoking.py"
BY_FILTER = "tests/unit/services/test_revoking_by_filter.py"
RACES = "tests/unit/services/test_revoking_races.py"
WEB_SESSIONS = "tests/unit/services/test_sessions.py"
SINGLE_TIER = "tests/unit/services/test_single_tier.py"
THROTTLING = "tests/unit/services/test_throttling.py"
PLACES = "tests/unit/services/test_hashing_places.py"
DEVICES = "tests/unit/services/test_known_devices.py"
IN_THROTTLING = "app/services/throttling.py"
IN_PLACES = "app/services/hashing_places.py"
IN_DEVICES = "app/services/known_devices.py"
CLOCK_AGREEMENT = "tests/unit/services/test_clock_agreement.py"
CLOCK_MARK = "tests/unit/domain/test_clock_mark.py"
WRONG_CLOCK = "tests/unit/services/test_wrong_clock.py"
VERIFYING = "tests/unit/services/test_verifying.py"
ACCESS_TOKENS = "tests/unit/storage/test_access_tokens.py"
CHECK = "tests/unit/storage/test_check.py"
DATABASE = "tests/unit/storage/test_database.py -k 'sqlite and durable'"
LAUNCHING = "tests/integration/cli/test_launching.py"
LEASES = "tests/unit/storage/test_leases.py"
LIVENESS = "tests/unit/storage/test_liveness.py"
REFRESH_TOKENS = "tests/unit/storage/test_refresh_tokens.py"
SILENCE = "tests/unit/storage/test_postgresql.py -k postgresql"
SWEEPING = "tests/unit/storage/test_sweeping.py"
TABLES = "tests/unit/storage/test_tables.py"
WRITE_PROBE = "tests/unit/storage/test_write_probe.py"
FINGERPRINTS = "tests/unit/services/test_key_fingerprints.py"
IN_WRITE_PROBE = "app/storage/write_probe.py"
IN_ACCESS_TOKENS = "app/storage/access_tokens.py"
IN_ACCOUNTS = "app/services/accounts.py"
IN_BY_FILTER = "app/services/revoking_by_filter.py"
BOUNDED = "tests/contract/test_bounded_work.py"
BUDGETS = "tests/unit/services/test_budgets.py"
IN_BUDGETS = "app/storage/budgets.py"
IN_HELD_TOKENS = "app/services/held_tokens.py"
IN_LADDER = "app/domain/ladder.py"
IN_MINTING = "app/services/minting.py"
IN_REFRESH_TOKENS = "app/storage/refresh_tokens.py"
IN_REVOKING = "app/services/revoking.py"
IN_VERIFYING = "app/services/verifying.py"

STRICT = "tests/contract/test_strict_input.py"
STRAYS = "tests/contract/test_stray_secrets.py"
FILES = "tests/environment/test_files.py"
RESTORE = "tests/environment/test_restore.py -k 'under_load'"
SUPERVISION = "tests/environment/test_supervision.py -k 'again_and_again'"

# fmt: off
FAULTS = (
    # Health
    Fault("health only reads", "◆ health is what the service can really do, writes included", IN_WRITE_PROBE,
          'row = ("write probe", PROBED_BYTES)', "return", f"{WRITE_PROBE} -k 'sqlite and refuses'"),
    Fault("write kept in memory", "◆ health is what the service can really do, on a full disk", IN_WRITE_PROBE,
          'connection.execute("PRAGMA cache_size=1")', "pass", f"{WRITE_PROBE} -k reach_the_disk"),
    Fault("other keys accepted", "◆ a host with other keys is not ready", "app/services/key_fingerprints.py",
          "if stored.get(name, self._own[name]) != self._own[name]", "if name not in self._own", FINGERPRINTS),
    Fault("keys not checked", "◆ a host with other keys is not ready", "app/services/health_checks.py",
          'Check("keys", _keys),', "", "tests/unit/http/test_health.py"),
    # The state of a token, and the check
    Fault("works at its end", "a token ends at the instant of expires_at", "app/domain/tokens.py", "expires_at <= now",
          "expires_at < now", TOKENS),
    Fault("stored status believed", "◆ expiry is exact with the scheduler stopped", IN_VERIFYING,
          "status_at(_STATUSES[row.status], row.expires_at, now, row.had_expired)", "_STATUSES[row.status]", VERIFYING),
    Fault("SQL counts the end in", "lists and sweeps have the same definition of expired", "app/storage/liveness.py",
          "MAYBE_ACTIVE), table.expires_at > now", "MAYBE_ACTIVE), table.expires_at >= now", LIVENESS),
    Fault("refresh token not looked at", "◆ a revoked refresh token stops its access tokens", IN_VERIFYING,
          "if row.refresh_token_status is not None:", "if False:", VERIFYING),
    Fault("disabled owner accepted", "◆ disabling a user stops their tokens", IN_VERIFYING,
          "if not row.user_is_active:", "if row.user_is_active is None:", VERIFYING),
    Fault("check cached", "◆ no cache: a revocation is effective for the next check", IN_VERIFYING,
          "    def recognise(self, text: str) ->",
          "    @__import__('functools').lru_cache\n    def recognise(self, text: str) ->", VERIFYING),
    Fault("read transaction left open on SQLite", "◆ no read transaction hides a revocation", "app/storage/check.py",
          'connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")', 'connection.execute("BEGIN")', CHECK),
    Fault("autocommit off on PostgreSQL", "◆ no read transaction hides a revocation", "app/storage/check.py",
          "connection.autocommit = True", "connection.autocommit = False",
          f"{CHECK} -k 'postgresql and (transaction or change)'"),
    Fault("away taken for unknown", "◆ a database that is away is a 503, never a refusal", "app/storage/check.py",
          'raise Unavailable("the database cannot be reached") from error', "return None", CHECK),
    Fault("away answered with 401", "◆ a database that is away is a 503, never a refusal",
          "app/api/integration_v1/errors.py", "errors.Unavailable: (503,", "errors.Unavailable: (401,",
          "tests/contract/test_without_database.py"),
    Fault("refresh token introspected as an access token", "a refresh token opens no API", "app/api/oauth/routes.py",
          "if hint != REFRESH_TOKEN:", "if False:", "tests/contract/test_oauth_tokens.py"),
    Fault("user id ignored", "the user id beside a refresh token must be its owner's", IN_HELD_TOKENS,
          "raise UserIdMismatch(TokenKind.REFRESH, token.public_id)", "pass", ISSUING),
    Fault("unguarded routes start", "◆ a route that does not state who may call it does not start", "app/factory.py",
          "refuse_unguarded_routes(app)\n", "pass\n", ROUTES),
    Fault("guard not asked", "◆ every route with a token goes through the one check", "app/http/guards.py",
          "self.before_request(guard.check)", "pass", ROUTES),
    # Revoking, and the one access token
    Fault("access tokens outlive a revocation", "revoking a refresh token revokes its access tokens", IN_REVOKING,
          "access_tokens.revoke_under(session, parents, revocation)", "[]", REVOKING),
    Fault("somebody else's token revoked", "another user's token is not found", IN_REVOKING,
          "if found is None or only_of not in (None, found.user_id):", "if found is None:", MATRIX),
    Fault("regeneration keeps the access token", "◆ regenerating ends what was minted before",
          "app/services/issuing.py", "access_tokens.revoke_under(session, [row.id], revocation)", "[]", ISSUING),
    Fault("regeneration keeps the secret", "◆ a replaced secret is refused", IN_REFRESH_TOKENS,
          '"mac": mac.digest, "status": TokenStatus.ACTIVE}', '"status": TokenStatus.ACTIVE}', ISSUING),
    Fault("replaced secret accepted", "◆ a replaced secret is refused", IN_HELD_TOKENS,
          "if found.replaced_at is not None:", "if False:", ISSUING),
    Fault("revoked token regenerated", "a revoked refresh token stays revoked", IN_HELD_TOKENS,
          "(allow_expired and status is TokenStatus.EXPIRED)", "allow_expired", ISSUING),
    Fault("held with a replaced secret", "◆ a mint that waited for a regeneration never outlives it", IN_HELD_TOKENS,
          "if stored is None or (text and not self._ring.verifies(text, stored.key_id, stored.mac)):",
          "if stored is None:", f"{RACES} -k mint_that_waits"),
    Fault("held without its status", "◆ a mint that waited for a revocation never outlives it", IN_REFRESH_TOKENS,
          "column.status != TokenStatus.REVOKED, column.expires_at >", "column.expires_at >",
          f"{RACES} -k mint_that_waits"),
    Fault("access tokens before the lock", "◆ a revocation that waited for a mint revokes what it made", IN_REVOKING,
          "refresh_tokens.revoke_of_user(session, user.id, revocation)\n            revoked = access_tokens.",
          "access_tokens.revoke_of_user(session, user.id, revocation)\n            revoked = refresh_tokens.",
          f"{RACES} -k just_being_minted"),
    Fault("replaced secret revokes", "a secret that regeneration replaced revokes nothing", IN_REVOKING,
          "find(session, BySecret(secret)).replaced_at is not None:", "find(session, BySecret(secret)).stored is None:",
          REVOKING),
    Fault("disabled owner mints", "◆ disabling a user stops their tokens", IN_HELD_TOKENS, "if not owner.is_active:",
          "if False:", REPEATS),
    Fault("another's public id accepted", "another user's token is not found", IN_HELD_TOKENS,
          "if row is None or row.user_id != claim.owner_id:", "if row is None:", MATRIX),
    Fault("by token although off", "an access token alone mints nothing while that is off",
          "app/domain/ladder.py", "if switch is not None and not is_on(switch):", "if False:", OWN),
    Fault("generation not counted", "◆ the generation is the number of mints", IN_REFRESH_TOKENS,
          '{"generation": column.generation + 1}', '{"generation": column.generation}', REFRESH_TOKENS),
    Fault("predecessor not superseded", "◆ a mint makes room for exactly one active access token", IN_ACCESS_TOKENS,
          "else_=becomes)", "else_=column.status)", ACCESS_TOKENS),
    Fault("index not unique", "◆ one active access token per refresh token", "migrations/versions/0001_tokens.py",
          '["refresh_token_id"],\n        unique=True', '["refresh_token_id"],\n        unique=False', TABLES),
    Fault("one silence is a hang", "a slow connection fails alone", "app/storage/postgresql.py",
          "VERDICT_SECONDS = 0.8", "VERDICT_SECONDS = 0.0", SILENCE),
    Fault("one look is the patience", "a thread without a processor is no evidence", "app/storage/postgresql.py",
          "math.ceil(self.patience / LOOK_SECONDS) - 1", "0", SILENCE),
    Fault("plain BEGIN", "a transaction that reads first and then writes loses no race", "app/storage/write_lock.py",
          '"BEGIN IMMEDIATE"', '"BEGIN"', f"{RACES} -k mint_that_waits"),
    Fault("writes not flushed", "◆ no acknowledged write is lost", "app/storage/database.py", "PRAGMA synchronous=FULL",
          "PRAGMA synchronous=OFF", DATABASE),
    Fault("superseded token not reported", "a superseded token that is presented is audited", "app/gate/gate.py",
          "if isinstance(refusal, TokenSuperseded):", "if refusal is TokenSuperseded:", "tests/contract/test_gate.py"),
    # Lifetimes and settings
    Fault("outlives its refresh token", "an access token never outlives its refresh token", "app/domain/policy.py",
          "min(now + self.access_token_lifespan, refresh_expires_at)", "now + self.access_token_lifespan", POLICY),
    Fault("overlap lengthens a life", "an overlap never goes past the token's own expiry", IN_ACCESS_TOKENS,
          "(column.expires_at > end, end), else_=column.expires_at\n", "else_=end\n", ACCESS_TOKENS),
    Fault("two predecessors overlap", "only the immediate predecessor overlaps", IN_ACCESS_TOKENS,
          'bindparam("parent"), CURRENT_IN_INDEX)', 'bindparam("parent"), ACTIVE_IN_INDEX)', ACCESS_TOKENS),
    Fault("reused below half", "reuse gives a token with at least half of its life left", IN_MINTING,
          "(row.expires_at - row.created_at) / 2", "(row.expires_at - row.created_at) / 3", REISSUING),
    Fault("derived without the secret", "a reused secret takes the refresh token's secret", IN_MINTING,
          "public_id, held.text.secret, str", "public_id, str", REISSUING),
    Fault("setting shortens lives", "a lifetime setting applies to new tokens only",
          "app/services/instance_settings.py", "settings.put(session, setting",
          "session.connection().exec_driver_sql('UPDATE refresh_tokens SET expires_at = created_at')\n"
          "                settings.put(session, setting", ISSUING),
    Fault("works while off", "no API token works while such tokens are off", IN_VERIFYING,
          'row.api_tokens_enabled == "off"', 'row.api_tokens_enabled == "no"', SINGLE_TIER),
    Fault("denied owner accepted", "deny stops the user's existing API tokens", IN_VERIFYING,
          "if row.user_api_tokens == ApiTokens.DENY:", "if False:", SINGLE_TIER),
    # Clocks
    Fault("stored expired believed", "◆ once the clock is right, all is as before", "app/domain/tokens.py",
          "FINAL = (TokenStatus.SUPERSEDED, TokenStatus.REVOKED)",
          "FINAL = (TokenStatus.SUPERSEDED, TokenStatus.REVOKED, TokenStatus.EXPIRED)", TOKENS),
    Fault("stored expired not minted from", "◆ once the clock is right, all is as before", IN_REFRESH_TOKENS,
          "where(column.status != TokenStatus.REVOKED, column", "where(column.status == TokenStatus.ACTIVE, column",
          REFRESH_TOKENS),
    Fault("replaced token comes back", "◆ once the clock is right, one access token is active", IN_ACCESS_TOKENS,
          "(or_(overlaps, is_over), TokenStatus.SUPERSEDED)", "(is_over, TokenStatus.EXPIRED)", WRONG_CLOCK),
    Fault("revoked token comes back", "◆ once the clock is right, no revoked token works", IN_ACCESS_TOKENS,
          "which = and_(which, CURRENT_IN_INDEX)",
          "which = and_(which, is_active_at(AccessTokenRow, revocation.at))", WRONG_CLOCK),
    Fault("sweep of a clock that jumped", "◆ a wrong clock deletes and ends nothing", "app/services/expiring.py",
          "if agreement is Agreement.AHEAD:", "if agreement is None:", CLOCK_AGREEMENT),
    Fault("agreement asked once", "◆ a clock that jumps during a purge deletes nothing", "app/services/expiring.py",
          "agreement, warning = self._agreement.observe(session, now)",
          "agreement, warning = (Agreement.AGREES, None) if rows else self._agreement.observe(session, now)",
          CLOCK_AGREEMENT),
    Fault("clock of the database not asked", "◆ a host whose clock differs from the database's deletes nothing",
          "app/services/clock_agreement.py", "if theirs is None or abs(theirs - now) <= MOST_DIFFERENCE:", "if True:",
          CLOCK_AGREEMENT),
    Fault("first mark from a wrong clock", "◆ a wrong clock deletes and ends nothing", "app/domain/clock_mark.py",
          "ClockMark(now if evidence is None else evidence)", "ClockMark(now)", CLOCK_AGREEMENT),
    Fault("jump trusted", "◆ a jump of the clock is not trusted for a day", "app/domain/clock_mark.py",
          "if known.passed + step >= TRUSTED_AFTER:", "if known.passed + step >= timedelta(0):", CLOCK_MARK),
    Fault("other time kept", "◆ a wrong clock beside a right one is never trusted", "app/domain/clock_mark.py",
          "return ClockMark(max(mark.seen_at, now))", "return replace(mark, seen_at=max(mark.seen_at, now))",
          CLOCK_MARK),
    Fault("lease of the future obeyed", "◆ leases of a wrong clock stop no job", "app/storage/leases.py",
          "ends_at <= now, ends_at > until + CLOCK_TOLERANCE", "ends_at <= now", LEASES),
    Fault("tick of the future obeyed", "◆ ticks of a wrong clock stop no job", "app/storage/leases.py",
          "or_(JobLeaseRow.tick < tick, JobLeaseRow.tick > tick + 1)", "JobLeaseRow.tick < tick", LEASES),
    Fault("request forgotten by a wrong clock", "a wrong clock deletes no idempotency key",
          "app/services/idempotency.py", "if mark is None or mark.agreement(now) is Agreement.AGREES:", "if True:",
          WRONG_CLOCK),
    # Secrets and credentials
    Fault("secret not compared", "◆ a row planted without the key does not authenticate", "app/domain/secrets.py",
          "return hmac.compare_digest(_digest(key, token), digest)", "return True", VERIFYING),
    Fault("unknown key accepted", "◆ a digest under an unknown key is never right", "app/domain/secrets.py",
          "self._keys.get(key_id, self._unknown_key)", "self._keys.get(key_id, self._keys[self.current])", SECRETS),
    Fault("kind left out of the digest", "a refresh token is never an access token", "app/domain/secrets.py",
          "v1|{token.kind}|", "v1|", SECRETS),
    Fault("checksum not checked", "◆ one spelling: any edit of a token is refused", "app/domain/secrets.py",
          "if match is None or _checksum(text[:-CHECKSUM_LENGTH]) != match[4]:", "if match is None:", SECRETS),
    Fault("text trimmed", "◆ one spelling: nothing is trimmed", "app/domain/secrets.py",
          "match = self._pattern.fullmatch(text)", "match = self._pattern.fullmatch(text := text.strip())", SECRETS),
    Fault("secret in the audit log", "◆ no secret is stored", "app/services/issuing.py",
          '"owner": owner.username, "name": name}', '"owner": owner.username, "name": text.secret}',
          "tests/unit/services/test_secrets_at_rest.py"),
    Fault("secret in the log", "◆ no secret is logged", "app/logs.py", "            clean,\n", "",
          "tests/unit/test_logs.py"),
    Fault("secret in a repr", "◆ the secret is in no repr", "app/domain/tokens.py", "secret: str = field(repr=False)",
          "secret: str", TOKENS),
    Fault("reload shows a secret again", "◆ a secret is in no answer but the creating one", "app/web/account.py",
          "caller(), idempotency_key(), reissue=reissue)", "caller(), None, reissue=reissue)",
          "tests/contract/test_pages_reveals.py"),
    Fault("first of two TOKEN headers taken", "exactly one credential", "app/http/credentials.py",
          'environ.get("HTTP_TOKEN")', '(environ.get("HTTP_TOKEN") or "").partition(",")[0] or None', CREDENTIALS),
    Fault("second token ignored", "a TOKEN and a different Bearer token are refused", "app/http/credentials.py",
          "if authorization and any(", "if not authorization and any(", CREDENTIALS),
    Fault("token from the query", "a token is never taken from the query", "app/http/credentials.py",
          'environ.get("HTTP_TOKEN")', 'environ.get("HTTP_TOKEN") or environ.get("QUERY_STRING") or None', CREDENTIALS),
    # Passwords and throttling
    Fault("no dummy digest", "◆ unknown users take the time of known ones", "app/services/passwords.py",
          "self._threads.submit(self._check, password, stored or dummy).result()",
          "stored is not None and self._threads.submit(self._check, password, stored).result()", PASSWORDS),
    Fault("places taken for good", "◆ one valid account never takes all places to hash", IN_PLACES,
          "if heaviest is place:", "if place.is_known is not None:", PLACES),
    Fault("known ones wait with strangers", "◆ known ones come first where passwords are compared", IN_PLACES,
          "STRANGERS_WEIGHT = 2", "STRANGERS_WEIGHT = 0", PLACES),
    Fault("strangers never have a turn", "◆ one valid account never has all turns to hash", IN_PLACES,
          "self._known_in_a_row >= KNOWN_IN_A_ROW", "self._known_in_a_row > 99", PLACES),
    Fault("disabled user signs in", "◆ a disabled account is answered like a wrong password", IN_ACCOUNTS,
          "not matches or not user.is_active:", "not matches:", ACCOUNTS),
    Fault("counted after hashing", "an attempt is counted before its password is looked at", IN_ACCOUNTS,
          "attempt = self.throttle.begin(claim)",
          "self._prove(claim.account, password, caller)\n                    attempt = self.throttle.begin(claim)",
          f"{THROTTLING} -k 'sqlite and guesses_at_once'"),
    Fault("success not released", "successes use up no budget", IN_THROTTLING,
          "throttle.settle(session, attempt.buckets, failed=False)", "pass", f"{THROTTLING} -k 'sqlite and success'"),
    Fault("known network counted with all", "◆ a known device or network has a budget of its own", IN_THROTTLING,
          "tuple(choices) or (tuple(new),)", "(tuple(new),)", f"{THROTTLING} -k known_device_and"),
    Fault("one budget for all known places", "◆ a stolen device does not use up the known network", IN_THROTTLING,
          'known = [] if claim.device is None else [self._digest("device", account, claim.device)]',
          'known = [] if claim.device is None else [self._digest("known network", account, network or "")]',
          f"{THROTTLING} -k 'known_device_and or stolen'"),
    Fault("few tries for all new networks", "◆ strangers elsewhere do not use up a new network's tries", IN_THROTTLING,
          'self._digest("new network", account, network)', 'self._digest("new network", account)',
          f"{THROTTLING} -k each_new_network"),
    Fault("no limit of an account", "◆ at most 100 failures a day from new places, however many there are",
          IN_THROTTLING, "        yield self._of_account(account)\n", "", f"{THROTTLING} -k for_a_day"),
    Fault("no limit of a network", "◆ a network that tries many accounts is limited", IN_THROTTLING,
          'yield Bucket(self._digest("network", network), NETWORK_LIMIT, WINDOW)', "pass",
          f"{THROTTLING} -k however_many_accounts"),
    Fault("unknown address is a network", "◆ no counter of all who sign in refuses anybody", IN_THROTTLING,
          "return None if parsed is None else str(", 'return "unknown" if parsed is None else str(',
          f"{THROTTLING} -k of_all_who"),
    Fault("attempts on their way refuse", "throttling assumes no number of workers", IN_THROTTLING,
          "if any(all(each is None or each.may_open for each in choice) for choice in found):", "if False:",
          f"{THROTTLING} -k 'sqlite and (full_counter or burst)'"),
    Fault("ended process waited for", "an attempt of a process that ended is not waited for", "app/storage/throttle.py",
          "func.coalesce(row.in_flight_until > now, False), row.in_flight_until <= latest)", "True)",
          f"{THROTTLING} -k 'sqlite and full_counter'"),
    Fault("refused attempts leave rows", "◆ what strangers add to the database is bounded", IN_THROTTLING,
          "raise _Full  # takes back what was counted", "pass", f"{THROTTLING} -k bounded"),
    Fault("only users are locked", "◆ names that do not exist are refused alike", IN_THROTTLING,
          "            if filled is not None and name",
          "            if name is None or users.find(session, name) is None:\n"
          "                throttle.empty(session, self._of_account(claim.account).key)\n"
          "            if filled is not None and name",
          f"{THROTTLING} -k 'sqlite and not_exist'"),
    Fault("unlock forgets nothing", "an administrator opens a locked account", IN_THROTTLING,
          "throttle.empty(session, bucket.key)", "pass", f"{THROTTLING} -k administrator_opens"),
    Fault("locked without an event", "a lock is an audit event", IN_THROTTLING,
          'record(session, now, caller, "user.sign_in_locked"', 'print("user.sign_in_locked"',
          f"{THROTTLING} -k administrator_opens"),
    Fault("a day's lock brought back", "a purge opens no account", "app/storage/from_the_future.py",
          "LoginThrottleRow.window_ends_at: timedelta(days=1)", "LoginThrottleRow.window_ends_at: timedelta(0)",
          f"{THROTTLING} -k opens_no_account"),
    Fault("device of any account", "◆ a device is known for the accounts that signed in there", IN_DEVICES,
          "self._seal.of(device, account, str(day))", "self._seal.of(device, str(day))", DEVICES),
    Fault("seal of any device", "◆ the cookie of a device is signed", IN_DEVICES,
          "self._seal.of(device, account, str(day))", "self._seal.of(account, str(day))", DEVICES),
    Fault("device known for ever", "a device is known for 180 days", IN_DEVICES,
          "is_recent = self._today() - day < KEPT_FOR.days", "is_recent = True", DEVICES),
    Fault("device cookie not read", "◆ pages know a device by its cookie", "app/web/signing_in.py",
          "services().sessions.known_devices.find(cookies.device_cookie(), username)", "None",
          "tests/contract/test_pages_sessions.py -k known_to"),
    Fault("crowd fills one counter", "◆ a crowd keeps an owner out nowhere where they were before", IN_THROTTLING,
          "            if last is not None and last > now - KEPT_FOR:", "            if last is None:",
          "tests/hostile/test_sign_in_attack.py -k sqlite"),
    Fault("X-Forwarded-For believed", "the client address is the socket's unless the peer is trusted",
          "app/http/proxies.py", "if not proxies.trust(address, _is_unix(peer)):\n        return str(address)",
          "if address is None:\n        return str(address)", PROXIES),
    Fault("left of an untrusted hop believed", "◆ nothing left of the first untrusted hop is believed",
          "app/http/proxies.py", "if not proxies.trust(hop.address, hop.is_unix):", "if hop.is_unix:", PROXIES),
    Fault("Forwarded split inside quotation marks", "◆ what a client writes does not change how a proxy's part is read",
          "app/http/forwarded.py", "elif not is_quoted:", "else:", PROXIES),
    Fault("any peer of a Unix socket trusted", "the peers of a Unix socket are trusted by setting only",
          "app/http/proxies.py", "return is_unix and self.has_unix_peers", "return is_unix", PROXIES),
    Fault("last administrator demoted", "the last active administrator stays one", IN_ACCOUNTS, "and not stays:",
          "and not changed.is_active:", ACCOUNTS),
    Fault("two rows for one disable", "an audit row for each change that is one", IN_ACCOUNTS,
          "in values.items() if getattr(row, column) != value}", "in values.items()}", ACCOUNTS),
    Fault("old password proves", "a proof ends with its password", IN_ACCOUNTS,
          "if proof is not None and row.password_hash != proof.digest:", "if False:", WEB_SESSIONS),
    Fault("anybody may introspect", "only administrators and introspectors ask about tokens", "app/domain/identity.py",
          "return self in (Role.SERVER_ADMIN, Role.INTROSPECTOR)", "return True", IDENTITY),
    # Bodies and pages
    Fault("body one byte too long", "a body has at most 16 KiB", "app/http/body.py", "if len(raw) > LARGEST_BODY:",
          "if len(raw) > LARGEST_BODY + 1:", "tests/unit/http/test_body.py"),
    Fault("turn kept by a slow body", "◆ a stalled client holds nothing but its own place, never a check",
          "app/http/turns.py", "            self._give()\n            try:\n                yield\n"
          "            finally:\n                self._take()\n", "            yield\n",
          "tests/unit/http/test_turns.py -k stall"),
    Fault("few places for bodies", "◆ honest clients' bodies are not refused at 64 connections",
          "app/server/spare_threads.py", "MOST_BODIES = 128", "MOST_BODIES = 12",
          "tests/functional/test_load.py -k 'later_than and not postgresql'"),
    Fault("HTTP/2 by itself", "◆ HTTP/1.1 only unless switched on", "app/server/worker.py",
          "HTTPModes.auto if plan.http2 else HTTPModes.http1", "HTTPModes.auto", f"{EDGE} -k not_spoken"),
    Fault("HTTP/2 bodies in parts", "◆ a stalled HTTP/2 stream frees its place with its connection", "app/http/body.py",
          '== "HTTP/2":', '== "HTTP/9":', f"{EDGE} -k http2_turned_on"),
    Fault("headers of any length", "the bytes of a request's headers are limited", "app/server/connections.py",
          ", max_buffer_size=LARGEST_HEAD", "", f"{EDGE} -k what_is_not_http"),
    Fault("headers for ever", "a request's headers have a time limit", "app/server/connections.py",
          "header_read_timeout=HEAD_SECONDS * 1000", "header_read_timeout=86_400_000",
          "tests/unit/server/test_connections.py"),
    Fault("silent connections for ever", "a client that is gone without a word frees its place",
          "app/server/listening.py", "    end_when_silent(bound)\n", "", "tests/unit/server/test_connections.py"),
    Fault("large answers kept for all", "◆ what clients do not read stays within limits", "app/http/large_answers.py",
          "        response.call_on_close(leave)\n", "        leave()\n", "tests/unit/http/test_large_answers.py"),
    Fault("a place kept by an answer", "a large answer gives its place back", "app/http/large_answers.py",
          "        response.call_on_close(leave)\n", "", "tests/unit/http/test_large_answers.py"),
    Fault("any host name", "◆ with a public URL, another Host is refused", "app/http/hosts.py",
          "self._is_any = public_url is None or ANY in others", "self._is_any = True", HOSTS),
    Fault("the first of two hosts", "◆ two Host headers are refused", "app/http/hosts.py",
          "match = _HOST.fullmatch(host)", "match = _HOST.match(host)", HOSTS),
    Fault("checks under any number of names", "◆ two Host headers are refused at the gate too", "app/gate/gate.py",
          "if not has_one_host(environ):", "if False:", "tests/contract/test_host_names.py -k probes"),
    Fault("no name for probes", "health is answered under any name", "app/http/hosts.py",
          'for path in ("/healthz", "/readyz")', 'for path in ("/healthz",)', HOSTS),
    Fault("nginx passes bodies on as they come", "◆ behind the shipped kits every wait for a client ends",
          "deploy/nginx/daypass.conf", "proxy_request_buffering on;", "proxy_request_buffering off;", DEPLOYED),
    Fault("Caddy passes bodies on as they come", "◆ behind the shipped kits every wait for a client ends",
          "deploy/caddy/Caddyfile", "\t\trequest_buffers 64KiB\n", "", DEPLOYED),
    Fault("Envoy passes bodies on as they come", "◆ behind the shipped kits every wait for a client ends",
          "deploy/envoy/envoy.yaml", "max_request_bytes: 65536", "max_request_bytes: 1", DEPLOYED),
    Fault("Traefik passes bodies on as they come", "◆ behind the shipped kits every wait for a client ends",
          "deploy/traefik/dynamic.yml", "      middlewares: [small-bodies]\n", "", DEPLOYED),
    Fault("member named twice", "duplicate JSON members are refused", "app/http/body.py",
          "if len(members) != len(pairs):", "if len(members) > len(pairs):",
          "tests/contract/test_alation_requests.py -k malformed"),
    Fault("session id kept at sign-in", "a sign-in has a new session id", "app/services/sessions.py",
          "cookie = self.new_cookie()", "cookie = before or self.new_cookie()", WEB_SESSIONS),
    Fault("role kept with the session", "rights are read per request", "app/services/sessions.py",
          "    def find(self, cookie", "    @__import__('functools').lru_cache\n    def find(self, cookie",
          WEB_SESSIONS),
    Fault("session used for ever", "a session ends 30 minutes after its last use", "app/domain/sessions.py",
          "now >= self.seen_at + IDLE or ", "", "tests/unit/domain/test_sessions.py"),
    Fault("cookies for the whole host", "◆ cookies are for the path of the public URL alone", "app/web/cookies.py",
          '"path": request.script_root or "/"', '"path": "/"', PUBLIC_URL),
    Fault("form from plain HTTP", "◆ of the public host, only the public scheme is accepted", "app/web/guards.py",
          "return origin == public_url.origin", "return True", PUBLIC_URL),
    Fault("onward out of the path", "◆ signing in never leads out of the public URL's path", "app/web/signing_in.py",
          'return f"{request.script_root}{target}" if _is_local(target)', "return target if _is_local(target)",
          PUBLIC_URL),
    Fault("form token not compared", "every form holds the token of its browser", "app/web/guards.py",
          "if not services().sessions.is_form_token(cookie, token):", "if not token:", PAGES),
    Fault("origin not looked at", "no form is taken from another site", "app/web/guards.py",
          "if _is_cross_site():\n        raise", "if False:\n        raise", PAGES),
    # Audit, jobs and last use
    Fault("audit row optional", "without its audit row a change does not happen", "app/storage/audit.py",
          "    session.execute(",
          "    with __import__('contextlib').suppress(Exception), session.begin_nested():\n        session.execute(",
          AUDIT),
    Fault("audit rows can be deleted", "the audit log is append-only", "migrations/versions/0001_tokens.py",
          'for act in ("UPDATE", "DELETE"):', 'for act in ("UPDATE",):', TABLES),
    Fault("repeat done again", "an Idempotency-Key is remembered for a day", "app/services/idempotency.py",
          "digest, now - KEPT_FOR)", "digest, now)", REPEATS),
    Fault("repeat answers for a revoked token", "a repeat never answers for a token that no longer works",
          "app/services/idempotency.py", 'if kind != "user" and not _works(', "if False and _works(", REPEATS),
    Fault("key looked up before the token", "a repeat never answers for a refresh token that was revoked", IN_MINTING,
          "held = self._held",
          "self._idempotency.refuse_repeat(session, once, caller.user_id, ('access_token', text.public_id), now)\n"
          "            once, held = None, self._held", REPEATS),
    Fault("identifying counted", "identifying a secret is not a check", "app/services/identifying.py",
          "self._verifier.examine(secret)", "self._verifier.verify(secret)", CHECK_COUNTS),
    Fault("refusal for a role counts as accepted", "only what is permitted counts as accepted", "app/gate/gate.py",
          "text, permit=lambda known: self._refuse_unless_permitted(known, environ))",
          "text)\n            self._refuse_unless_permitted(principal, environ)", GATE),
    Fault("the same at a resource", "only what is permitted counts as accepted", "app/http/guards.py",
          "(access_token_text(request.environ), permit=set_principal)",
          "(access_token_text(request.environ))\n    set_principal(known)", GATE),
    Fault("unknown criterion passed over", "a misspelt filter never widens", "app/api/native/fields.py",
          "unknown = RAISE", 'unknown = "exclude"', "tests/contract/test_native_tokens.py"),
    Fault("empty filter revokes", "a filter that narrows nothing revokes nothing", IN_BY_FILTER,
          "if criteria.is_empty:", "if criteria is None:", BY_FILTER),
    Fault("confirmation not compared", "what is revoked by filter is what was confirmed", IN_BY_FILTER,
          "if not self._seal.fits(", "if not confirmation and self._seal.fits(", BY_FILTER),
    Fault("lease given twice", "◆ any number of schedulers may run", "app/storage/leases.py",
          "where(JobLeaseRow.job == job, free)", "where(JobLeaseRow.job == job)", LEASES),
    Fault("tick run twice", "◆ each tick runs once", "app/storage/leases.py", "JobLeaseRow.tick < tick",
          "JobLeaseRow.tick <= tick", LEASES),
    Fault("sweep ahead of time", "the sweep stores what is true already", IN_ACCESS_TOKENS,
          "where(is_due(AccessTokenRow, now))", "where(is_due(AccessTokenRow, now + timedelta(seconds=5)))", SWEEPING),
    Fault("purge before the retention", "ended tokens are kept for retention_days", "app/services/expiring.py",
          "batch(session, now - age, self._batch)", "batch(session, now, self._batch)", EXPIRING),
    Fault("purge by age alone", "a token that works is never purged", IN_ACCESS_TOKENS,
          "where(ended_before(AccessTokenRow, cutoff),", "where(AccessTokenRow.created_at <= cutoff,", EXPIRING),
    Fault("last use goes back", "the last use only goes forward", "app/storage/last_use.py",
          'row.last_used_at <= bindparam("before")', 'row.last_used_at != bindparam("before")', ACCESS_TOKENS),
    # The ladder of credentials
    Fault("page asks for no password", "◆ an old session creates no credential", "app/web/guards.py",
          "if request.method not in CHANGING or is_fresh() or", "if request.method in CHANGING or", SESSIONS_ON_PAGES),
    Fault("access token from an old session", "◆ an old session creates no credential", IN_LADDER,
          "MINT = Rule(\n        \"create an access token from a refresh token\",\n        Effect.CREATES,\n        ",
          "MINT = Rule(\n        \"create an access token from a refresh token\",\n        Effect.CREATES,\n        "
          "_IN_A_SESSION | ", "tests/hostile/test_ladder.py -k 'sqlite and long_ago'"),
    Fault("rights by token", "◆ a token alone grants no right", IN_LADDER, "_each(*TOKENS, while_on=MANAGES)",
          "_each(*TOKENS)", LADDER),
    Fault("API token by a lesser token", "◆ a token creates no stronger one", IN_LADDER,
          "_each(Proof.TWO_TIER_TOKEN, while_on=BY_API)", "_each(Proof.TWO_TIER_TOKEN)", LADDER),
    Fault("settings widened by token", "◆ a token alone grants no right", "app/domain/setting.py",
          "if self.widens is Widens.NEVER or before == after:", "if True:", LADDER),
    Fault("account changed by anybody", "◆ services refuse whatever entry point calls them", IN_ACCOUNTS,
          "if proof is None:", "if False:", MADE_WITH),
    Fault("API token outlives its maker", "◆ no token creates a longer-lived one", "app/services/single_tier.py",
          "            _refuse_beyond(maker, lifetime, now)\n", "", MADE_WITH),
    Fault("limit forgotten", "◆ a refresh token made with a token never outlives it", "app/services/issuing.py",
          "limit = row.renewable_until if by_itself else maker.until", "limit = maker.until", MADE_WITH),
    Fault("minted token outlives its maker", "◆ no token creates a longer-lived one", IN_MINTING,
          "capped(policy.access_token_expiry(now, parent.expires_at), maker.until)",
          "policy.access_token_expiry(now, parent.expires_at)", MADE_WITH),
    Fault("maker not read again", "◆ nothing made by a token escapes its revocation", "app/services/permitting.py",
          "if status is not TokenStatus.ACTIVE:", "if False:", f"{MADE_WITH} -k 'sqlite and escape'"),
    Fault("children only", "◆ revoking follows the line", "app/storage/made_with.py", "level = found", "level = []",
          MADE_WITH),
    Fault("line broken by the purge", "◆ revoking follows the line", IN_ACCESS_TOKENS, ", ~has_made_others())", ")",
          MADE_WITH),
    Fault("acts not stated", "◆ a route that does not state its acts does not start", "app/http/guards.py",
          "    if declared is None:\n        yield", "    if declared is None:\n        return\n        yield", ROUTES),
    Fault("acts beyond the guard", "◆ guards derive from the ladder", "app/http/guards.py",
          "if not set(guard.proofs) & set(act.rule.needs):", "if False:", ROUTES),
    # The environment
    Fault("failure ends in a traceback", "◆ every failure of a command is one line", "app/cli/launching.py",
          "except Exception as error:", "except ZeroDivisionError as error:", LAUNCHING),
    Fault("misspelt setting ignored", "start-up refuses a misspelt setting", "config/environment.py",
          "if nearest := _nearest(name, declared):", "if nearest := name[:0]:", ENVIRONMENT),
    Fault("line added to security.txt", "security.txt holds what was set and nothing else", "config/security_txt.py",
          "not URI.fullmatch(contact) or not (", "not (", "tests/unit/config/test_security_txt.py"),
    Fault("security.txt expires in a year", "security.txt expires within a year", "app/http/security_txt.py",
          "timedelta(days=90)", "timedelta(days=366)", "tests/contract/test_security_txt.py"),
    Fault("pin left out of the bill", "the bill of materials lists exactly the pins", "requirements/sbom.py",
          "components = [_component(pin) for pin in pins.values()]",
          "components = [_component(pin) for pin in pins.values() if not pin.marker]", "tests/unit/test_sbom.py"),
    Fault("keys that others can read accepted", "start-up refuses key files that others can read",
          "config/exposure.py", "if about.st_mode & others:", "if about.st_mode < 0:",
          "tests/unit/config/test_keys.py"),
    Fault("user agent stored as it comes", "no secret where none belongs: user agents", "app/domain/text.py",
          "kept = mask(agent)[:LONGEST_AGENT]", "kept = agent[:LONGEST_AGENT]", "tests/unit/domain/test_text.py"),
    Fault("path logged as it comes", "no secret in a log line", "app/logs.py",
          "if isinstance(value, bool | int | float | None) else mask(str(value))",
          "if isinstance(value, bool | int | float | None) else str(value)", "tests/unit/test_logs.py"),
    Fault("encoded secret not seen", "no spelling of a secret stays in a text", "app/domain/masking.py",
          'unquote(text) if "%" in text else text', "text", "tests/unit/domain/test_masking.py"),
    Fault("secret without its prefix not seen", "no spelling of a secret stays in a text", "app/domain/masking.py",
          "return HIDDEN if _looks_random(whole) else whole", "return whole", "tests/unit/domain/test_masking.py"),
    Fault("secret accepted in a name", "no secret in a name", "app/domain/text.py", "if holds_secret(text):",
          "if False:", f"tests/unit/domain/test_masking.py {STRAYS} -k 'person or spelling'"),
    Fault("refusal repeats a secret", "no secret in an answer", "app/http/errors.py",
          "dialect.refuse(_masked(refusal))", "dialect.refuse(refusal)", f"{STRAYS} -k spelling"),
    Fault("audit detail kept as it comes", "no secret in the audit log", "app/storage/audit.py",
          "return mask(value) if isinstance(value, str) else value", "return value", AUDIT),
    Fault("place not searched", "a secret that works is an event where it was found", "app/http/strays.py",
          '    "HTTP_REFERER": "a referrer",\n', "", f"{STRAYS} -k event"),
    Fault("made-up secret is an event", "only a secret that works is an event", "app/services/strays.py",
          "return self._ring.verifies(token, stored.key_id, stored.mac)", "return True",
          "tests/unit/services/test_strays.py"),
    Fault("client sends without encryption", "the client refuses plain HTTP off loopback",
          "clients/python/src/daypass_client/origins.py", "if not allows_http and", "if allows_http is None and",
          "clients/python/tests/test_settings.py"),
    Fault("zero taken for false", "◆ a boolean is a boolean", "app/http/strict_fields.py",
          "found = value if isinstance(value, bool) else None", "found = bool(value)", STRICT),
    Fault("fraction cut off", "◆ a whole number is a whole number", "app/http/strict_fields.py",
          "is_whole = type(value) is int", "is_whole = isinstance(value, int | float)", STRICT),
    Fault("number in a query read as Python does", "◆ a whole number is a whole number", "app/http/strict_fields.py",
          "DIGITS.fullmatch(value) is not None", "value.strip().isdigit()", STRICT),
    Fault("first of two parameters counts", "◆ a parameter given twice is refused", "app/http/openapi.py",
          "if len(query.getlist(name)) > 1}", "if len(query.getlist(name)) > 2}", STRICT),
    Fault("the same on pages", "◆ a parameter given twice is refused", "app/web/guards.py",
          "    refuse_unless_may_use_apis(session.user.role)\n    refuse_doubled(request.args, request.args)\n",
          "    refuse_unless_may_use_apis(session.user.role)\n", STRICT),
    Fault("any cursor accepted", "◆ a cursor is ours or refused", "app/services/cursors.py",
          "if match is None or not hmac.compare_digest(", "if match is None or hmac.compare_digest('',", STRICT),
    Fault("cursor of another list accepted", "◆ a cursor is of this list", "app/services/cursors.py",
          "self._seal.of(list_name, position)", "self._seal.of(position)", STRICT),
    Fault("folder that others can write accepted", "start-up refuses a folder that others can write",
          "app/storage/sqlite_files.py", "found = folder_problem(path.parent)", "found = None",
          "tests/unit/storage/test_sqlite_files.py"),
    Fault("files as the umask has it", "all that is written is for its user only", "config/files.py",
          "        os.fchmod(number, 0o600)  # whatever the umask\n        if like", "        if like",
          f"{FILES} -k written"),
    Fault("first password kept", "the first password leaves the environment", "app/__main__.py",
          'LONG_RUNNING = ("serve", "scheduler")', 'LONG_RUNNING = ("scheduler",)', f"{FILES} -k first_password"),
    Fault("password in a refusal", "no part of a password in a message", "config/database_url.py",
          "ValueError(f\"can't be read: {ENCODE}", "ValueError(f\"{text} can't be read: {ENCODE}",
          "tests/unit/config/test_database_url.py"),
    Fault("worker stays away", "◆ workers always come back", "app/server/supervisor.py",
          "slot.due_at = time.monotonic() + pause", "slot.due_at = time.monotonic() + (60 if slot.deaths > 1 else 0)",
          SUPERVISION),
    Fault("revoked token comes back with a backup", "a restore revokes again what was revoked since",
          "app/services/reapplying.py", "        self._revoke_refresh_tokens(lost)\n", "",
          "tests/unit/services/test_restoring.py"),
    Fault("stale -wal replayed", "a copied file beside another file's -wal is not served", "app/storage/file_use.py",
          "if problem := stale_wal_problem(path):", "if problem := stale_wal_problem(path) and None:", RESTORE),
    Fault("worker outlives its supervisor", "◆ workers never outlive their supervisor", "app/server/worker.py",
          "os._exit(1)", "return", SUPERVISION),
    Fault("replaced secrets read whole", "◆ nothing that one token id can grow is read whole",
          "app/storage/retired_secrets.py", "return session.scalars(query.limit(1)).one_or_none()",
          "every = session.scalars(select(row).where(row.refresh_token_id == refresh_token_id)).all()\n"
          "    return next((each for each in every if each.mac in {mac.digest for mac in macs}), None)", BOUNDED),
    Fault("replaced secrets of one key", "◆ a replaced secret is refused", IN_HELD_TOKENS,
          "self._ring.sign_with_each(token)", "[self._ring.sign(token)]",
          "tests/unit/services/test_retired_secrets.py"),
    Fault("API tokens listed whole", "◆ nothing that one account can grow is read whole", "app/services/single_tier.py",
          "min(USUAL_LIST if limit is None else limit, LONGEST_LIST)", "10**9 if limit is None else limit", BOUNDED),
    Fault("sessions read to end them", "◆ nothing that one account can grow is read whole", "app/storage/sessions.py",
          "return rows_of(session, statement)", "return len(session.scalars(statement.returning(SessionRow.id)).all())",
          BOUNDED),
    Fault("revoked tokens read", "◆ nothing that one account can grow is read whole", IN_ACCESS_TOKENS,
          "return rows_of(session, revoking.values(had_expired=False))",
          "return len(session.scalars(revoking.values(had_expired=False).returning(AccessTokenRow.id)).all())",
          BOUNDED),
    Fault("what is left to revoke sought among all", "◆ nothing that one token id can grow is read whole",
          IN_ACCESS_TOKENS, "which = and_(which, CURRENT_IN_INDEX)",
          "which = and_(which, AccessTokenRow.status.in_(('active', 'overlapping', 'expired')))", BOUNDED),
    Fault("newest sought among all", "◆ nothing that one token id can grow is read whole", "app/storage/overview.py",
          "under.order_by(AccessTokenRow.created_at.desc(), AccessTokenRow.id.desc())",
          "under.order_by(AccessTokenRow.uuid.desc())", BOUNDED),
    Fault("expired API tokens uncounted", "an account holds a limited number of API tokens",
          "app/storage/single_tier.py", "    return session.scalar(query.where(is_listed(now))) or 0",
          "    return session.scalar(query.where(is_listed(now), AccessTokenRow.expires_at > now)) or 0", BUDGETS),
    Fault("budget of a token after the fact", "◆ a budget is exact under races", IN_HELD_TOKENS,
          "            budgets.refuse_overspent(stored, policy, now, is_mint=is_use)\n", "            pass\n",
          f"{BUDGETS} -k 'edge and postgresql'"),
    Fault("budget of a token only after the lock", "what is refused for its budget writes nothing", IN_HELD_TOKENS,
          "            budgets.refuse_when_spent(session, found.stored, now, is_mint=is_use)\n", "            pass\n",
          BUDGETS),
    Fault("one too many for an account", "◆ a budget is exact under races", IN_BUDGETS,
          'ACCOUNTS.c[counter] < bindparam("limit")', 'ACCOUNTS.c[counter] <= bindparam("limit")', BUDGETS),
    Fault("hour of a wrong clock believed", "◆ a wrong clock keeps nobody waiting", IN_BUDGETS,
          "or_(ends_at.is_(None), ends_at <= now, ends_at > latest)", "or_(ends_at.is_(None), ends_at <= now)",
          BUDGETS),
    Fault("hour of a wrong clock believed before the lock", "◆ a wrong clock keeps nobody waiting",
          "app/domain/budgets.py", "not now < hour_ends_at <= now + HOUR + CLOCK_TOLERANCE", "not now < hour_ends_at",
          BUDGETS),
    Fault("commands have a budget", "the command line has no budget", "app/services/budgets.py",
          "if caller.credential is not None and caller.credential.kind is CredentialKind.COMMAND_LINE:", "if False:",
          BUDGETS),
    Fault("all matching ids held", "◆ nothing that one request can grow is read whole", IN_BY_FILTER,
          "if number > self._most:", "if False:", BY_FILTER),
)
# fmt: on
