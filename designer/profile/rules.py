"""What can be wrong with a profile. Codes are stable; wording is tested word for word."""

from typing import Final

from designer.diagnostics import Rule, Severity

UNREADABLE: Final = Rule(
    "PRF001",
    Severity.ERROR,
    "cannot be read: {why}",
    "The file is missing, is no file, may not be read, or is not UTF-8 text.",
    help="name a UTF-8 text file, or `-` for standard input",
)
NOT_YAML: Final = Rule(
    "PRF002",
    Severity.ERROR,
    "not YAML: {problem}",
    "Profiles are YAML 1.2, of which JSON is a part. What cannot be parsed as such is not guessed "
    "at; nothing after this place has been looked at.",
    help="{help}",
)
TOO_LARGE: Final = Rule(
    "PRF003",
    Severity.ERROR,
    "too large: {what}",
    "A profile is written by people. Limits on size, depth and on what anchors expand to keep a "
    "crafted file from taking all memory.",
    help="split it with `extends`, or take the anchors out",
)
TWICE: Final = Rule(
    "PRF004",
    Severity.ERROR,
    "`{key}` stands here a second time; the first is at line {line}",
    "YAML forbids a key twice in a map, and most readers silently keep the last one.",
    help="keep one of them",
)
UNSUPPORTED_YAML: Final = Rule(
    "PRF005",
    Severity.ERROR,
    "{what}",
    "One document of maps, lists and plain values is all a profile needs. Further documents, tags "
    "such as `!include`, and maps as keys have no meaning here.",
    help="{help}",
)
EXTENDS_MISSING: Final = Rule(
    "PRF006",
    Severity.ERROR,
    "cannot extend `{name}`: {why}",
    "`extends` names files, relative to the file that says so.",
    help="mend the path, or take it out of `extends`",
)
EXTENDS_CYCLE: Final = Rule(
    "PRF007",
    Severity.ERROR,
    "`extends` runs in a circle: {circle}",
    "A profile that builds on itself has no beginning.",
    help="take one of them out of `extends`",
)
UNKNOWN_KEY: Final = Rule(
    "PRF010",
    Severity.ERROR,
    "`{key}` is not a key of {where}{hint}",
    "A key that is not known would be ignored, and a misspelt requirement with it. So unknown keys "
    "are errors.",
    help="`designer explain KEY` describes the keys there are",
)
MISSING_KEY: Final = Rule(
    "PRF011",
    Severity.ERROR,
    "`{key}` is missing in {where}",
    "Mandatory are `version`, `name`, and one workload with `alias` and `task`; within some maps "
    "more is, because they mean nothing without it.",
    help="{help}",
)
NOT_AN_ALTERNATIVE: Final = Rule(
    "PRF012",
    Severity.ERROR,
    "`{value}` is none of {alternatives}{hint}",
    "The key takes one of a few words.",
)
WRONG_KIND: Final = Rule(
    "PRF013",
    Severity.ERROR,
    "{found} where {expected} belongs",
    "Values are read as YAML 1.2: `no`, `on` and dates are text, `1e3` and `1.10` are numbers. A "
    "number is not turned into text, because `1.10` would become `1.1`.",
    help="{help}",
)
BAD_VALUE: Final = Rule(
    "PRF014",
    Severity.ERROR,
    "{value}{why}",
    "Durations, money, rates, shares and names have fixed ways of being written, so that no unit is "
    "guessed.",
)
OUT_OF_RANGE: Final = Rule(
    "PRF015",
    Severity.ERROR,
    "{value}{why}",
    "The key takes values within limits only.",
)
MANY_MORE: Final = Rule(
    "PRF016",
    Severity.ERROR,
    "{count} more values are wrong",
    "Only the first are listed; a file with so many mistakes is usually no profile at all.",
    help="mend those above first",
)
SAME_NAME: Final = Rule(
    "PRF020",
    Severity.ERROR,
    "{kind} `{name}` is already there, at line {line}",
    "Aliases, teams, accounts, keys and rules are told apart by their names.",
    help="give one of them another name{help}",
)
UNKNOWN_ALIAS: Final = Rule(
    "PRF021",
    Severity.ERROR,
    "`{name}` is not the alias of a workload{hint}",
    "What routes or teams refer to must be there, or their requests have nowhere to go.",
    help="aliases here: {aliases}",
)
ROUTE_CIRCLE: Final = Rule(
    "PRF022",
    Severity.ERROR,
    "`route_by` runs in a circle: {circle}",
    "A request that only ever gets passed on is never answered.",
    help="let one of them serve requests itself",
)
SHARES: Final = Rule(
    "PRF023",
    Severity.ERROR,
    "the shares of experiment `{name}` make {total}, not 100%",
    "Every request belongs to exactly one arm.",
    help="change the shares so that they make 100%",
)
ONE_ARM: Final = Rule(
    "PRF024",
    Severity.ERROR,
    "experiment `{name}` compares nothing: {count}",
    "An experiment needs two arms that may differ.",
    help="add an arm, or take the experiment out",
)
SAME_ARMS: Final = Rule(
    "PRF025",
    Severity.ERROR,
    "arms `{first}` and `{second}` of experiment `{name}` have the same model `{model}`",
    "Two arms with one model measure nothing but chance.",
    help="give one of them another model, or leave `model` out",
)
UNKNOWN_REGION: Final = Rule(
    "PRF026",
    Severity.ERROR,
    "`{token}` is neither a residency, nor an ISO country, nor a cloud region{hint}",
    "A region that is not defined cannot be compared with where a provider processes. Defined are "
    "`eu` (27 states), `eea` (with Iceland, Liechtenstein, Norway), `uk`, `ch`, `us`, ISO 3166-1 "
    "alpha-2 country codes, and the regions of AWS, Azure and Google Cloud.",
)
DEADLINE: Final = Rule(
    "PRF027",
    Severity.WARNING,
    "`{long}` of {long_s} is longer than `{short}` of {short_s}",
    "The shorter limit always comes first, so the longer one never does anything; with a deadline "
    "shorter than one try there is no time for a retry or a fallback.",
    instead="the request ends after {short_s}",
    help="raise `{short}` or lower `{long}`",
)
TEAM_REGION: Final = Rule(
    "PRF028",
    Severity.ERROR,
    "`{name}` is not the name of a team{hint}",
    "A case of `route_by: {{key: team.name}}` that names no team is never taken.",
    help="teams here: {teams}",
)
BAD_PATTERN: Final = Rule(
    "PRF030",
    Severity.ERROR,
    "the pattern of `{name}` has {problem} at character {position}",
    "The same rule runs in gateways written in Go, JavaScript and Python. Only what their regular "
    "expressions (RE2, ECMAScript, re) share means the same in all of them.",
    help="{help}",
)
EXAMPLE: Final = Rule(
    "PRF031",
    Severity.ERROR,
    "rule `{name}` {does} `{text}`, which is listed under `{listed}`",
    "Examples say what a rule is meant to do; they are tried whenever the profile is read.",
    help="change the pattern or the example",
)
SLOW_PATTERN: Final = Rule(
    "PRF032",
    Severity.WARNING,
    "the pattern of `{name}` repeats a repetition at character {position}",
    "JavaScript and Python try such patterns in exponentially many ways on some texts; one request "
    "can keep a gateway busy for minutes. RE2 is not affected.",
    instead="a crafted text can hold up a gateway that is not written with RE2",
    help="bound the inner or the outer repetition, for example `{{1,20}}`",
)
SECRET: Final = Rule(
    "PRF040",
    Severity.ERROR,
    "this looks like a secret's value (not shown)",
    "A profile is kept in version control and read by many. Secrets are named by the environment "
    "variable that holds them.",
    help="revoke it if the file was shared; put it into an environment variable and name that one",
)
NO_EFFECT: Final = Rule(
    "PRF050",
    Severity.WARNING,
    "`{key}` does nothing here: {why}",
    "The key is fine, but another one makes it meaningless.",
    instead="it is ignored",
    help="{help}",
)
CONTRADICTION: Final = Rule(
    "PRF051",
    Severity.ERROR,
    "`{model}` is the first model and {why}",
    "A model cannot both start the chain and be kept out of it.",
    help="change `models.first`, `models.allow` or `models.deny`",
)

RULES: Final = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
"""All of them, by code."""
