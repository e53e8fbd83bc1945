"""The scenarios that come along, as a user would write them.

`@first` is whatever the busiest route asks first, so that they fit every configuration.
"""

from collections.abc import Mapping

BUILTIN: Mapping[str, str] = {
    "provider-outage": """\
version: 1
name: provider-outage
# The provider that most requests go to answers nothing but 503 for a quarter of an hour.
traffic: {from: profile, for: 30m}
faults:
  - {target: {provider: '@first'}, from: 5m, to: 20m, kind: http, status: 503}
""",
    "region-outage": """\
version: 1
name: region-outage
# Nothing in the region that most requests go to takes a connection, whoever runs it.
traffic: {from: profile, for: 30m}
faults:
  - {target: {region: '@first'}, from: 5m, to: 20m, kind: refuse_connection}
""",
    "rate-limit-storm": """\
version: 1
name: rate-limit-storm
# The first provider turns most requests away for ten minutes and says when to come back.
traffic: {from: profile, for: 30m}
faults:
  - {target: {provider: '@first'}, from: 5m, to: 15m, kind: rate_limit, retry_after: 5s, share: 70%}
""",
    "brownout": """\
version: 1
name: brownout
# Not down, but ill: four times slower, and one answer in ten is a 503.
traffic: {from: profile, for: 30m}
faults:
  - {target: {provider: '@first'}, from: 5m, to: 20m, kind: latency, factor: 4}
  - {target: {provider: '@first'}, from: 5m, to: 20m, kind: http, status: 503, share: 10%}
""",
    "slow-first-token": """\
version: 1
name: slow-first-token
# Half of the answers take twenty seconds to begin.
traffic: {from: profile, for: 30m}
faults:
  - {target: {provider: '@first'}, from: 5m, to: 20m, kind: slow_first_token, first_token: 20s, share: 50%}
""",
    "stream-cuts": """\
version: 1
name: stream-cuts
# One stream in five breaks off in the middle; what is not streamed loses its connection.
traffic: {from: profile, for: 30m}
faults:
  - {target: {provider: '@first'}, from: 5m, to: 20m, kind: cut_stream, share: 20%}
""",
    "black-friday": """\
version: 1
name: black-friday
# Eight times the usual traffic. Only deployments whose quota is known can run out of it.
traffic: {from: profile, for: 30m, factor: 8}
faults: []
""",
    "budget-exhausted": """\
version: 1
name: budget-exhausted
# The account at the first provider has no credit left, and nobody tops it up.
traffic: {from: profile, for: 30m}
faults:
  - {target: {provider: '@first'}, from: 5m, kind: exhausted}
""",
    "guardrail-down": """\
version: 1
name: guardrail-down
# Every guardrail fails to answer: what lets requests pass now, lets personal data pass.
traffic: {from: profile, for: 30m}
faults:
  - {target: {guardrail: '*'}, from: 5m, to: 20m, kind: down}
""",
    "all-down": """\
version: 1
name: all-down
# Nobody answers. What is judged is how soon and how clearly callers are told.
traffic: {from: profile, for: 30m}
faults:
  - {target: {provider: '*'}, from: 5m, to: 20m, kind: http, status: 503}
""",
}
