"""What can be wrong with a Portkey configuration, as far as reading it shows.

Measured on the open-source gateway 1.15.2 on 2026-11-22 unless a rule says otherwise.
"""

from designer.diagnostics import Rule, Severity

_MEASURED = "measured, Portkey gateway 1.15.2, 2026-11-22"

NO_CONFIG = Rule(
    "PAR540",
    Severity.ERROR,
    "there is no configuration for {gateway} here",
    "A configuration is a JSON object with `provider`, or with `strategy` and `targets`; it may stand "
    "under `config` or in the header `x-portkey-config` of a request.",
    help="pass a file with one",
    source="https://portkey.ai/docs/api-reference/inference-api/config-object",
)
NOT_AN_OBJECT = Rule(
    "PAR541",
    Severity.ERROR,
    "a configuration is an object",
    "The gateway parses the header and answers 400 to anything but an object.",
    instead="every request with it is answered 400",
    help="write an object with `provider`, or with `strategy` and `targets`",
    source=_MEASURED,
)
REJECTED = Rule(
    "PAR542",
    Severity.ERROR,
    "the gateway rejects this configuration: {why}",
    "The gateway checks every configuration before it asks any target.",
    instead="every request with it is answered with an error",
    help="mend what is named here",
    source=_MEASURED,
)
SAVED_CONFIG = Rule(
    "PAR543",
    Severity.ERROR,
    "{id} names a configuration that is saved at Portkey",
    "What it says is not in this file.",
    help="export the configuration and pass the file",
    source="https://portkey.ai/docs/product/ai-gateway/configs",
)
NO_TARGETS = Rule(
    "PAR544",
    Severity.ERROR,
    "this strategy has no target",
    "An empty list of targets passes the gateway's checks and fails on every request.",
    instead="every request that gets here is answered with an error",
    help="list at least one target",
    source=_MEASURED,
)
NO_SHARES = Rule(
    "PAR545",
    Severity.ERROR,
    "the weights of these targets come to nothing",
    "The gateway draws a target by its share of the sum, and fails when there is none.",
    instead="every request that gets here is answered with an error",
    help="give at least one target a weight above 0",
    source=_MEASURED,
)
BAD_QUERY = Rule(
    "PAR546",
    Severity.ERROR,
    "{why}",
    "Conditions are evaluated when a request arrives, and an operator that the gateway does not know "
    "ends that request with 400, within a fallback too.",
    instead="the conditions after it are never tried",
    help="use one of $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $regex, $and, $or",
    source=_MEASURED,
)
NO_SUCH_TARGET = Rule(
    "PAR547",
    Severity.ERROR,
    "no target beside this conditional is named {name}",
    "Names are looked up among the targets of the same level when a request arrives.",
    instead="a request that gets here is answered 400",
    help="name a target beside it",
    source=_MEASURED,
)
NO_CONDITIONS = Rule(
    "PAR548",
    Severity.ERROR,
    "a conditional needs a list of `conditions`",
    "Without one the gateway raises an error when a request arrives.",
    instead="every request that gets here is answered 400",
    help="list `conditions` of `query` and `then`",
    source=_MEASURED,
)
DISCARDS_ANSWERS = Rule(
    "PAR549",
    Severity.WARNING,
    "`on_status_codes` names {codes}: good answers move on to the next target",
    "The list says exactly which statuses move on. A 200 in it throws the paid answer away and asks "
    "the next target.",
    instead="simulated as if good answers were returned",
    help="take the 2xx codes out of the list",
    source=f"{_MEASURED}; https://github.com/Portkey-AI/gateway/issues/855",
)
MISPLACED_CODES = Rule(
    "PAR550",
    Severity.WARNING,
    "`on_status_codes` has no effect here",
    "It counts in `strategy` (fallback) and in `retry`. Elsewhere the gateway accepts and ignores it "
    "(gateway issue 855).",
    instead="the fallback moves on after every status that is not 2xx",
    help="move it into `strategy`",
    source=f"{_MEASURED}; https://github.com/Portkey-AI/gateway/issues/855",
)
MISSPELLED_RETRY_AFTER = Rule(
    "PAR551",
    Severity.WARNING,
    "`use_retry_after_headers` is ignored by the gateway",
    "Portkey's documentation spells it so; the gateway knows `use_retry_after_header`.",
    instead="retries wait 1, 2, 4 … seconds whatever Retry-After says",
    help="write `use_retry_after_header`",
    source=_MEASURED,
)
RAILS_OF_A_TARGET = Rule(
    "PAR552",
    Severity.INFO,
    "`{key}` of a single target is not followed",
    "A target's own list replaces the inherited one, so one target of a chain can be checked less than "
    "the others.",
    instead="dry runs treat this target as if it had no guardrail of its own",
    help="read what the target's own list leaves out",
    source=_MEASURED,
)
LITERAL_KEY = Rule(
    "PAR553",
    Severity.WARNING,
    "`{key}` holds a key itself",
    "The file, its backups and every log of the header then hold a secret.",
    instead="its value is not read",
    help="write `${{NAME}}` and let the client fill it in from its environment",
    source=_MEASURED,
)
NO_PROVIDER = Rule(
    "PAR554",
    Severity.WARNING,
    "this target names no provider",
    "A target takes no provider from the levels above it; the gateway answers 500 `Provider not found`. "
    "Only a configuration without targets takes it from the request.",
    instead="dry runs treat it as a provider that answers",
    help="give it `provider` and `api_key`",
    source=_MEASURED,
)
DEAF_RULE = Rule(
    "PAR555",
    Severity.ERROR,
    "the pattern {pattern} never matches: JavaScript has no inline flags",
    "`(?i)` makes the expression invalid there; the check then counts as passed and everything goes "
    "through with 200.",
    instead="this guardrail blocks nothing",
    help="write letters in both cases, `[Ll]ethal`",
    source=_MEASURED,
)
UNKNOWN_GUARDRAIL = Rule(
    "PAR556",
    Severity.INFO,
    "what this guardrail checks is not followed: {why}",
    "Checks whose id is unknown, saved ids on the open-source gateway, and checks without credentials "
    "pass everything; others run at a vendor.",
    instead="dry runs treat it as if it passed everything",
    help="nothing needs to be mended; know that dry runs pass it",
    source=_MEASURED,
)
