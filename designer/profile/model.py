"""The workload profile as types: what a user can ask for, every key with its meaning and default.

The strings below attributes are what editors show on hover and `designer explain KEY` prints, so
they are written for users. What a key means *together with others* (an unknown alias, shares that
do not add up) is checked in `designer.profile.checks`; nothing here reads files.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from designer.profile.scalars import (
    Alias,
    CooldownSeconds,
    Count,
    DailyWindow,
    Day,
    EnvName,
    Examples,
    ExperimentKey,
    FormatVersion,
    HourlyMoney,
    LimitMoney,
    LimitSeconds,
    ModelName,
    MonthlyMoney,
    Name,
    Need,
    PerRequestMoney,
    RequestRate,
    RouteKey,
    RuleCode,
    Share,
    SomeSeconds,
    SomeShare,
    Switched,
    Text,
    Texts,
    Tries,
    Url,
)

Task = Literal["chat", "code", "reason", "summarize", "extract", "classify", "embed"]
Quality = Literal["fast", "balanced", "smart"]
PiiAction = Literal["off", "redact", "block"]
PiiEntity = Literal["email", "phone", "iban", "credit_card", "us_ssn", "national_id", "vat"]
Framework = Literal["gdpr", "hipaa", "soc2", "iso27001"]


class Section(BaseModel):
    """A map of the profile. Unknown keys are errors; values do not change once read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        defer_build=True,  # the parts are built with the whole, and only where a profile is read
        hide_input_in_errors=True,
        regex_engine="python-re",
        arbitrary_types_allowed=True,  # the scalars of `units`, each read by its own validator
    )


class GatewayChoice(Section):
    """Which gateway to write for, and how it is run."""

    use: Literal["auto", "litellm", "portkey-oss", "portkey-cloud", "openrouter"] = "auto"
    """The gateway. `auto` compares all of them and takes the one that loses least."""
    version: Text | None = None
    """The gateway's version, in quotes (`"1.106"`). Left out: the newest one measured."""
    deploy: Literal["config", "compose", "kubernetes"] = "config"
    """What is written besides the gateway's own configuration: nothing, a compose file, or values
    for the official Kubernetes chart."""

    @model_validator(mode="before")
    @classmethod
    def _read_token(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        use, at, version = value.partition("@")
        return {"use": use, "version": version} if at else {"use": use}


class BenchQuality(Section):
    """A floor on a named benchmark."""

    bench: Name
    """The benchmark, as the catalog names it, for example `arena_text`."""
    min: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    """The lowest score that will do, in the benchmark's own points."""


class Params(Section):
    """Request parameters every model of the chain must accept."""

    max_tokens: Count | None = None
    """The longest answer asked for, in tokens."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    """How much a reasoning model may think before it answers."""
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] | None = None
    """Randomness of the answer, 0 to 2. Left out: the model's own default."""
    top_p: Annotated[float, Field(strict=True, gt=0, le=1)] | None = None
    """Share of the probability mass that is sampled from. Left out: the model's own default."""
    seed: Annotated[int, Field(strict=True)] | None = None
    """Asks for repeatable sampling where a model offers it."""
    stop: tuple[Text, ...] = ()
    """Texts at which the answer ends."""


class Latency(Section):
    """How fast 95 of 100 requests must be."""

    ttft_p95: SomeSeconds | None = None
    """Time to the first token, 95th percentile."""
    total_p95: SomeSeconds | None = None
    """Time to the whole answer, 95th percentile."""


class Traffic(Section):
    """How much is asked, and what the requests look like."""

    rate: RequestRate | None = None
    """Requests on average, for example `200k/day`. Left out: cost and capacity are per request
    only."""
    peak_rps: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    """Requests per second in the busiest minute; quotas must carry it. Left out: estimated from
    `rate`."""
    input_tokens: Count | None = None
    """Tokens of an average request. Left out: the planner's assumption for the task."""
    output_tokens: Count | None = None
    """Tokens of an average answer. Left out: the planner's assumption for the task."""
    repeats: Share = 0.0
    """Share of requests that repeat an earlier one, word for word: what a cache can answer."""
    prompt_cache: Share = 0.0
    """Share of input tokens that providers bill as cached (the same long beginning each time)."""
    window: DailyWindow | None = None
    """The hours of the day in which the traffic falls, with a time zone. Left out: all day."""


class ModelChoice(Section):
    """Pins and bans, as `account/model`; `*` stands for any text."""

    first: ModelName | None = None
    """The deployment the chain starts with. Left out: the planner's best."""
    allow: tuple[ModelName, ...] = ()
    """Only these may serve. Empty: any that meets the requirements."""
    deny: tuple[ModelName, ...] = ()
    """These never serve."""


class Arm(Section):
    """One side of an experiment."""

    share: Share
    """Share of the requests or users on this arm; all arms together make 100%."""
    model: ModelName | None = None
    """What serves this arm. Left out: the best model on the first arm, the second best on the
    next."""


class Experiment(Section):
    """Compare models on live traffic."""

    name: Name
    """Name of the experiment, in response headers and in the ledger."""
    by: ExperimentKey = "user"
    """What keeps to one arm: `user`, a `metadata.<key>`, or nothing (`request` draws each time)."""
    arms: Annotated[dict[Name, Arm], Field(max_length=20)]
    """The arms by name, two or more."""


class RouteBy(Section):
    """An alias that only passes requests on to other aliases."""

    key: RouteKey
    """What decides: `task`, `team.name`, `team.region`, or a `metadata.<key>` of the request."""
    cases: dict[Text, Alias]
    """The key's value, and the alias that serves it."""
    otherwise: Annotated[Alias, Field(validation_alias="else", serialization_alias="else")]
    """The alias for every other value, and for requests without one."""


class Budget(Section):
    """Money that may be spent in a period."""

    limit: LimitMoney
    """The amount and its period, for example `30 USD/day`."""
    alert: SomeShare | None = None
    """Share of the limit at which somebody is told. Left out: nobody is."""
    when_spent: Literal["refuse", "downgrade", "continue"] = "refuse"
    """What happens to requests once it is spent: refused, first tried on cheaper deployments of their
    chain (`downgrade`, in the runtime), or served all the same (`continue`)."""


class RateLimit(Section):
    """How much may be asked in a minute."""

    rpm: Count | None = None
    """Requests per minute. Left out: no limit."""
    tpm: Count | None = None
    """Tokens per minute, input and output together. Left out: no limit."""


class RoutingPolicy(Section):
    """How failures are met. A limit of `gateway` is not written down: the gateway's own applies."""

    strategy: Literal[
        "priority", "weighted", "round_robin", "least_busy", "cheapest", "fastest"
    ] = "priority"
    """How a deployment is picked: the best one first (`priority`), or spread over equals."""
    retries: Annotated[int, Field(strict=True, ge=0, le=20)] = 2
    """Further tries on one deployment before the next one is asked."""
    attempts_per_request: Tries = 4
    """Tries in all for one request, over all deployments: what bounds cost and load in an outage.
    `gateway`: no limit beside the gateway's own."""
    timeout: LimitSeconds = 30.0
    """Longest wait for one try. Left out: as long as lets every try end within the deadline, at most 30 s,
    but never less than a slow answer takes. `gateway`: no limit beside the gateway's own."""
    first_token: LimitSeconds = 10.0
    """Longest wait for the first token of a stream. `gateway`: no limit beside the gateway's own."""
    deadline: LimitSeconds = 60.0
    """Longest time for the whole request: all tries and the waits between them. `gateway`: no limit
    beside the gateway's own."""
    cooldown: CooldownSeconds = 30.0
    """How long a failing deployment is left alone; `0s` never leaves one alone, `gateway` leaves it
    to the gateway."""
    on_refusal: Literal["return", "fallback"] = "return"
    """A content-policy refusal is the answer (`return`), or another model is asked (`fallback`)."""
    mid_stream: Literal["error", "buffer"] = "error"
    """A stream that breaks ends in an error (`error`), or answers are passed on only when whole
    (`buffer`), which costs the early first token."""
    sticky: Literal["none", "user", "session"] = "none"
    """What keeps to one deployment: nothing, a user, or a conversation."""
    latency_window: SomeSeconds = 300.0
    """How far back `fastest` looks."""


class Cost(Section):
    """What the whole profile may cost."""

    monthly_budget: MonthlyMoney | None = None
    """For all workloads together, per month. Left out: no limit, the cheapest that will do."""
    max_per_request: PerRequestMoney | None = None
    """The most one average request may cost on the worst path through its chain, where every try is
    billed."""


class Compliance(Section):
    """What the law or a contract asks of every deployment that may serve."""

    residency: tuple[Text, ...] = ()
    """Where requests may be processed, any of: `eu`, `eea`, `uk`, `ch`, `us`, an ISO country code,
    a cloud region. Empty: anywhere."""
    frameworks: tuple[Framework, ...] = ()
    """What each provider must meet: `gdpr` (a data processing agreement), `hipaa` (a BAA), `soc2`,
    `iso27001`."""
    retention: Literal["zero", "any"] = "any"
    """Whether the provider may keep prompts and answers after the request."""
    training: Literal["forbid", "allow"] = "allow"
    """Whether the provider may train on them."""


class Pii(Section):
    """Personal data in requests and answers."""

    input: PiiAction = "off"
    """What happens to it on its way to the model: nothing, replaced, or the request is refused."""
    output: PiiAction = "off"
    """What happens to it on its way to the caller."""
    entities: Annotated[tuple[PiiEntity, ...], Field(min_length=1)] = (
        "email",
        "phone",
        "iban",
        "credit_card",
        "us_ssn",
    )
    """What counts as personal data. Left out: all of these but `national_id` (of the UK, Germany, France
    and Spain) and `vat`, which have to be asked for."""


class DenyExamples(Section):
    """Texts that show a rule at work; they are tried whenever the profile is read."""

    block: Examples = ()
    """Texts the rule must block."""
    passes: Annotated[Examples, Field(validation_alias="pass", serialization_alias="pass")] = ()
    """Texts the rule must let pass."""


class DenyRule(Section):
    """Text that must not go through, in requests and in answers."""

    name: Name
    """Name of the rule, in reports and refusals."""
    pattern: Annotated[str, Field(min_length=1, max_length=2_000)]
    """A regular expression, searched anywhere in the text, within what RE2, JavaScript and Python
    share: no look-around, no back-references, no inline flags."""
    ignore_case: Switched = False
    """Whether capitals and small letters are the same."""
    message: Text | None = None
    """What the caller is told. Left out: the name of the rule."""
    examples: DenyExamples = DenyExamples.model_construct()
    """Texts that must be blocked and texts that must pass."""


class Guardrails(Section):
    """What is looked for in requests and answers."""

    pii: Pii = Pii.model_construct()
    """Personal data."""
    deny: Annotated[tuple[DenyRule, ...], Field(max_length=200)] = ()
    """Forbidden text."""
    on_failure: Literal["block", "pass"] = "block"
    """When a check itself fails, the request is refused (`block`) or goes on unchecked (`pass`)."""


class Cache(Section):
    """Answers kept for requests that come again."""

    mode: Literal["off", "exact", "semantic"] = "off"
    """`exact` answers the same request again, `semantic` a similar one too."""
    ttl: SomeSeconds = 3_600.0
    """How long an answer is kept."""
    similarity: Share = 0.95
    """How similar a request must be for `semantic`, 0 to 1."""

    @model_validator(mode="before")
    @classmethod
    def _read_mode(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value


def _quality_kind(value: object) -> str:
    return "a floor" if isinstance(value, (dict, BenchQuality)) else "a level"


class Workload(Section):
    """One kind of request: the name applications call, and what it needs."""

    alias: Alias
    """The model name that application code calls."""
    task: Task
    """What the model is asked to do; it decides which models are candidates."""
    quality: Annotated[
        Annotated[Quality, Tag("a level")] | Annotated[BenchQuality, Tag("a floor")],
        Discriminator(_quality_kind),
    ] = "balanced"
    """How good the answers must be: a level, or a floor on a benchmark
    (`{bench: arena_text, min: 1400}`)."""
    needs: tuple[Need, ...] = ()
    """What every model of the chain must be able to do."""
    context: Count | None = None
    """Tokens of the longest request, input and answer together; every model must take them."""
    params: Params = Params.model_construct()
    """Request parameters, checked along the whole chain."""
    latency: Latency = Latency.model_construct()
    """How fast it must be."""
    availability: Share | None = None
    """Share of requests that must be answered, for example `99.9%`. Left out: one fallback where
    there is one, and no promise."""
    traffic: Traffic = Traffic.model_construct()
    """How much is asked."""
    prefer: Literal["cost", "latency", "quality", "static"] = "cost"
    """What decides between models that all will do; `static` keeps the order of `models.allow`."""
    models: ModelChoice = ModelChoice.model_construct()
    """Models that must, may or must not serve."""
    given: Switched = False
    """The route stands whole in `passthrough`: nothing is planned for it, nothing that is asked of it
    is checked, and both are said."""
    experiment: Experiment | None = None
    """Compare models on live traffic."""
    route_by: RouteBy | None = None
    """Pass requests on to other aliases instead of serving them."""
    budget: Budget | None = None
    """What this workload may spend."""
    cache: Cache | None = None
    """Overrides the profile's `cache`, key by key; a mode alone will do (`cache: exact`)."""
    routing: RoutingPolicy | None = None
    """Overrides the profile's `routing`, key by key."""
    compliance: Compliance | None = None
    """Overrides the profile's `compliance`, key by key; what it loosens is listed in the report."""
    guardrails: Guardrails | None = None
    """Overrides the profile's `guardrails`, key by key; what it loosens is listed in the report."""


class TeamKey(Section):
    """A virtual key of a team."""

    name: Name
    """Name of the key."""
    existing: Switched = False
    """Whether the gateway has it already, so that none is made."""

    @model_validator(mode="before")
    @classmethod
    def _read_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Team(Section):
    """Who calls, and what they may."""

    name: Name
    """Name of the team."""
    region: Text | None = None
    """Where the team's requests may be processed; a residency, as under `compliance`."""
    keys: tuple[TeamKey, ...] = ()
    """Its virtual keys: names, or `{name: …, existing: true}`."""
    workloads: tuple[Alias, ...] | None = None
    """The aliases it may call. Left out: all."""
    budget: Budget | None = None
    """What it may spend."""
    rate_limit: RateLimit | None = None
    """How much it may ask in a minute."""


class Logs(Section):
    """What is written down about requests."""

    prompts: Literal["never", "redacted", "always"] = "never"
    """Whether the text of requests and answers is logged."""


class Operations(Section):
    """Who runs the gateway, and where."""

    hosting: Literal["any", "self", "managed"] = "any"
    """Run it yourself, have it run, or either."""
    sre_team: Switched = False
    """Whether somebody is there to run it."""
    billing: Literal["any", "own_keys", "single_invoice"] = "any"
    """Pay each provider by your own keys, or everything on one invoice."""
    replicas: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 1
    """How many copies of the gateway run."""
    region: Texts = ()
    """Where it runs: a cloud region or a country; several where it runs in each of them."""
    observability: tuple[Literal["otel", "prometheus"], ...] = ()
    """Where traces and metrics go."""
    logs: Logs = Logs.model_construct()
    """What is written down about requests."""


class Quota(Section):
    """What an account may use; the fallbacks must carry the peak within it."""

    tpm: Count | None = None
    """Tokens per minute."""
    rpm: Count | None = None
    """Requests per minute."""
    parallel: Count | None = None
    """Requests at the same time."""


class Agreement(Section):
    """A contract you have with a provider."""

    kind: Annotated[
        Literal["zero_retention", "dpa", "baa", "no_training"],
        Field(validation_alias="is", serialization_alias="is"),
    ]
    """What was agreed: no retention, data processing (GDPR), business associate (HIPAA), no
    training."""
    ref: Text | None = None
    """Your reference, for whoever audits it."""
    until: Day | None = None
    """The last day it holds. Left out: no end."""


class AccountModel(Section):
    """A model within an account."""

    deployment: Text | None = None
    """Its name there, where that differs (Azure deployments, inference profiles)."""
    quota: Quota | None = None
    """The quota of this model."""
    committed: HourlyMoney | None = None
    """Provisioned throughput already paid for, for example `7300 USD/month`; its requests cost
    nothing more."""
    context: Count | None = None
    """Its context window in tokens, for a model the catalog does not know."""
    capabilities: tuple[Need, ...] | None = None
    """What it can do, for a model the catalog does not know."""

    @model_validator(mode="before")
    @classmethod
    def _read_nothing(cls, value: Any) -> Any:
        return {} if value is None else value


class ProviderAccount(Section):
    """An account you have; its name alone will do (`- openai`)."""

    name: Name
    """The provider, as the catalog names it."""
    account: Annotated[Name | None, Field(validation_alias="as", serialization_alias="as")] = None
    """Your name for this account, needed when there are two of one provider."""
    regions: tuple[Text, ...] = ()
    """The regions you use. Empty: any the provider has."""
    deployment_type: Literal["regional", "datazone", "global"] | None = None
    """How far a request may travel inside the provider: one region, one zone, anywhere."""
    api_base: Url | None = None
    """The address of its API. Left out: the provider's own; `gateway`: none is written, and the
    gateway's own for the provider applies."""
    api_version: Text | None = None
    """The version of Azure OpenAI's API. Left out: the newest one that is generally available."""
    secret: EnvName | None = None
    """Name of the environment variable with the key; never the key itself. Left out: the
    provider's customary name; `gateway`: none is written, and the gateway finds its own credentials
    (a machine's role, the variable it looks for by itself)."""
    quota: Quota | None = None
    """What the whole account may use."""
    cost: HourlyMoney | None = None
    """What it costs to run, for your own machines, for example `9 USD/hour`."""
    models: dict[ModelName, AccountModel] = {}
    """The models you have there. Empty: all in the catalog."""
    agreements: tuple[Agreement, ...] = ()
    """Contracts that make obtainable facts true."""

    @model_validator(mode="before")
    @classmethod
    def _read_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def id(self) -> str:
        """What chains and reports call it."""
        return self.account or self.name


class IgnoreRule(Section):
    """A finding that is known and accepted."""

    code: RuleCode
    """The finding's code, for example `LNT402`."""
    at: Text = "**"
    """Which files, as a glob. Left out: all."""
    why: Text
    """The reason, for whoever reads it next year."""
    until: Day | None = None
    """The last day it is ignored. Left out: for ever."""


class Profile(Section):
    """What an organisation asks of its language models, and under which rules."""

    version: FormatVersion
    """The version of this format: 1."""
    name: Name
    """Name of the profile, and of the folder that is written."""
    gateway: GatewayChoice = GatewayChoice.model_construct()
    """Which gateway to write for; a token such as `litellm@1.106` will do."""
    workloads: Annotated[tuple[Workload, ...], Field(min_length=1, max_length=200)]
    """The kinds of request, one or more."""
    routing: RoutingPolicy = RoutingPolicy.model_construct()
    """How failures are met, unless a workload says otherwise."""
    cost: Cost = Cost.model_construct()
    """What the whole profile may cost."""
    compliance: Compliance = Compliance.model_construct()
    """Where and by whom requests may be processed, unless a workload says otherwise."""
    guardrails: Guardrails = Guardrails.model_construct()
    """What is looked for in requests and answers, unless a workload says otherwise."""
    cache: Cache = Cache.model_construct()
    """Answers kept for requests that come again, unless a workload says otherwise; a mode alone
    will do (`cache: exact`)."""
    teams: tuple[Team, ...] = ()
    """Who calls. Empty: anybody with a key of the gateway."""
    operations: Operations = Operations.model_construct()
    """Who runs the gateway, and where."""
    providers: tuple[ProviderAccount, ...] | None = None
    """The accounts you have. Left out: anything in the catalog."""
    passthrough: dict[Text, dict[str, Any]] = {}
    """Settings merged into a gateway's own files as they are, by gateway: under `litellm` what its
    config.yaml says, under `portkey-oss`, `portkey-cloud` and `openrouter` an entry for each alias
    (`openrouter` also has `client.json` and `guardrail.json`). Maps are merged key by key and lists are
    appended (an entry of `model_list` is merged with a planned one that has the same
    `model_info.id`); another value where the plan has one is an error. Left to its own meaning: the report
    lists what is not analysed. A workload that is `given` stands here whole."""
    ignore: tuple[IgnoreRule, ...] = ()
    """Findings that are known and accepted."""
    extends: tuple[Text, ...] = ()
    """Profiles this one builds on, as paths from this file: maps are merged by key, lists by
    `alias` or `name`."""

    def workload(self, alias: str) -> Workload:
        """Raises KeyError for an alias that is not there."""
        for workload in self.workloads:
            if workload.alias == alias:
                return workload
        raise KeyError(alias)
